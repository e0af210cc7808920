"""Maps a file into memory."""

import mmap
import os
from contextlib import suppress
from pathlib import Path

from copilot_bridge.private_files import make_directory

Memory = mmap.mmap | bytearray


def map_file(path: Path, size: int) -> mmap.mmap:
    """Map a file of `size` bytes, which is created if it is missing.

    Raises OSError: no space, or no permission.
    """
    make_directory(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(handle).st_size < size:
            os.write(handle, bytes(size))  # written, not only reserved: a full disk is noticed now
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)


def shared_or_own(path: Path | None, size: int) -> Memory:
    """The mapped file; the process's own memory without a path, or where there can't be such a file."""
    if path is not None:
        with suppress(OSError, ValueError):
            return map_file(path, size)
    return bytearray(size)
