"""Tells the processes that share a store, without a system call, that something in it has changed."""

import mmap
import os
import struct
import time
from contextlib import suppress
from pathlib import Path

from copilot_bridge.store.files import Files

NUMBER = struct.Struct("=Q")


class ChangeCounter:
    """A number in memory that all processes share; whoever changes something changes it.

    Where there is no such memory the number is this process's own: others see a change when they look anyway.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._shared: mmap.mmap | bytearray | None = None

    def read(self) -> int:
        number: int = NUMBER.unpack_from(self._memory(), 0)[0]
        return number

    def bump(self) -> None:
        NUMBER.pack_into(self._memory(), 0, time.time_ns())

    def _memory(self) -> "mmap.mmap | bytearray":
        if self._shared is None:
            self._shared = bytearray(NUMBER.size)
            if self._path is not None:
                with suppress(OSError, ValueError):
                    self._shared = shared(self._path)
        return self._shared


def shared(path: Path, size: int = NUMBER.size) -> mmap.mmap:
    """Raises OSError: there is no room for it, or no right to it.  :param size: bytes."""
    Files(path.parent).make()
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(handle).st_size < size:
            os.write(handle, bytes(size))  # written, not only reserved: a full disk is told now
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)
