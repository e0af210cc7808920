"""Files with what takes long to make, and follows from the program: compiled templates, texts, a long page.

Like Python's own bytecode they are beside their sources, in `__pycache__`; where that may not be written, in
the data directory.  `python -m copilot_bridge.http.pages` makes the templates with an installation.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import orjson
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class DiskCache:
    """Files by their names.  Reads from the first folder that has one, and writes to the first that it can.

    :param source: the folder of what is made into something else.  :param home: the data directory, or None.
    """

    def __init__(self, source: Path, home: Path | None) -> None:
        self._beside = source / "__pycache__"
        self._home = home / "templates" if home else None

    def read(self, name: str, version: str) -> bytes | None:
        for folder in filter(None, (self._beside, self._home)):
            with suppress(OSError):
                return (folder / f"{name}.{version}").read_bytes()
        return None

    def write(self, name: str, version: str, content: bytes) -> None:
        """Write a file in place of its other versions; nothing happens where no folder can be written."""
        for folder, mode in self._writable():
            with suppress(OSError):
                folder.mkdir(mode, exist_ok=True)
                path = folder / f"{name}.{version}"
                temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
                temporary.write_bytes(content)
                temporary.replace(path)
                for other in folder.glob(f"{name}.*"):
                    if other != path:
                        other.unlink(missing_ok=True)
                return

    def _writable(self) -> Iterator[tuple[Path, int]]:
        """The folders to try, with their modes."""
        if not sys.dont_write_bytecode:
            yield self._beside, 0o777
        if self._home is not None:
            yield self._home, 0o700


def read_toml(path: Path) -> dict[str, Any]:
    """A file of texts; reading it as JSON takes a tenth of the time."""
    content, files = path.read_bytes(), DiskCache(path.parent, None)
    version = sha256(content).hexdigest()[:16]
    kept = files.read(path.stem, version)
    found: dict[str, Any]
    if kept is not None:
        with suppress(orjson.JSONDecodeError):
            found = orjson.loads(kept)
            return found
    import tomllib  # here, as a bridge without readers of its pages does not need it

    found = tomllib.loads(content.decode())
    files.write(path.stem, version, orjson.dumps(found))
    return found


class TemplateCache(BytecodeCache):
    """Compiled templates.  `missed`: one had to be compiled.  :param version: of the program."""

    def __init__(self, files: DiskCache, version: str) -> None:
        self._files = files
        self._version = version
        self.missed = False

    def load_bytecode(self, bucket: Bucket) -> None:
        content = self._files.read(f"template-{bucket.key}", self._version)
        if content is not None:
            with suppress(EOFError, UnpicklingError):
                bucket.bytecode_from_string(
                    content
                )  # only if it is of this source and this version of Python
        self.missed = self.missed or bucket.code is None

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._files.write(f"template-{bucket.key}", self._version, bucket.bytecode_to_string())
