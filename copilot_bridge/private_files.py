"""Files and directories that only their owner can read, written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing, for the owner alone.  Raises OSError."""
    # One by one: mkdir would let everybody into those above the last one.
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A temporary file with the content, safe on the disk, to be moved to `path`; else it is removed.

    Its directory is that of `path`, so moving it is a single step: others find the old file or the new one.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
