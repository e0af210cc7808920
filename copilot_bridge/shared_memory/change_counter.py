"""A counter in shared memory by which processes notice, without a system call, that the store has changed."""

import struct
import time
from functools import cached_property
from pathlib import Path

from copilot_bridge.shared_memory.mapping import Memory, shared_or_own

NUMBER = struct.Struct("=Q")


class ChangeCounter:
    """A number in shared memory that changes whenever somebody has changed the store.

    :param path: None, or a file that can't be made: the number is this process's own.  Changes by others are
        noticed late then, when the store is read anyway.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> int:
        number: int = NUMBER.unpack_from(self._memory, 0)[0]
        return number

    def bump(self) -> None:
        NUMBER.pack_into(self._memory, 0, time.time_ns())

    @cached_property
    def _memory(self) -> Memory:
        return shared_or_own(self._path, NUMBER.size)
