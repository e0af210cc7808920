"""Compiled templates on the disk: compiling all of them takes half a second.

Like Python's own bytecode they are kept beside their sources, in `__pycache__`; where that may not be
written, in the data directory.  `python -m copilot_bridge.http.pages` makes them with an installation.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from copilot_bridge import __version__


class TemplateCache(BytecodeCache):
    """Reads from the first folder that has a template, and writes to the first folder that it can.

    `missed`: a template was in none of them.  :param home: the data directory, or None.
    """

    def __init__(self, templates: Path, home: Path | None) -> None:
        self._beside = templates / "__pycache__"
        self._home = home / "templates" if home else None
        self.missed = False

    def load_bytecode(self, bucket: Bucket) -> None:
        for folder in (self._beside, self._home):
            if folder is None:
                continue
            with suppress(OSError, EOFError, UnpicklingError), file_of(folder, bucket).open("rb") as file:
                bucket.load_bytecode(file)  # only if it is of this source and this version of Python
            if bucket.code is not None:
                return
        self.missed = True

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a template; where no folder can be written, each process compiles it anew."""
        for folder, mode in self._writable():
            with suppress(OSError):
                folder.mkdir(mode, exist_ok=True)
                path = file_of(folder, bucket)
                temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
                temporary.write_bytes(bucket.bytecode_to_string())
                temporary.replace(path)
                return

    def _writable(self) -> Iterator[tuple[Path, int]]:
        """The folders to try, with their modes."""
        if not sys.dont_write_bytecode:
            yield self._beside, 0o777
        if self._home is not None:
            yield self._home, 0o700


def file_of(folder: Path, bucket: Bucket) -> Path:
    return folder / f"template-{__version__}-{bucket.key}.bin"
