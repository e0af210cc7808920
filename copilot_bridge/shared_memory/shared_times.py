"""A table of names and times in memory that all workers share."""

import struct
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from copilot_bridge.shared_memory.mapping import Memory, shared_or_own

# Buckets of four: a fifth name in a bucket replaces the one with the earliest time.
BUCKETS, WAYS = 1024, 4
SLOT = struct.Struct("=Qd")  # the hash of a name, its time
SIZE = BUCKETS * WAYS * SLOT.size


class SharedTimes:
    """A time for each name.  Of two processes that write at the same time, one may lose its write.

    :param path: None, or a file that can't be made: the table is this process's own.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self, name: str) -> float:
        """The time of the name; 0.0: it has none."""
        return self._find(name)[1]

    def write(self, name: str, time: float) -> None:
        SLOT.pack_into(self._memory, self._find(name)[0], hash_of(name), time)

    def _find(self, name: str) -> tuple[int, float]:
        """The offset of the name's slot, or of the slot to replace; and the name's time."""
        key = hash_of(name)
        first = key % BUCKETS * WAYS * SLOT.size
        offsets = range(first, first + WAYS * SLOT.size, SLOT.size)
        slots = [(SLOT.unpack_from(self._memory, offset), offset) for offset in offsets]
        for (owner, time), offset in slots:
            if owner == key:
                return offset, time
        return min((time, offset) for (_, time), offset in slots)[1], 0.0

    @cached_property
    def _memory(self) -> Memory:
        return shared_or_own(self._path, SIZE)


def hash_of(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8]) or 1
