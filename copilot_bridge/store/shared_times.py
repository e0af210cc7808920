"""How often somebody has tried, in memory that all workers share: a name -> when its tries are paid off."""

import mmap
import struct
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from copilot_bridge.store.change_counter import shared

# Buckets of four: of a fifth name in a bucket, the one that is paid off first is forgotten.
BUCKETS, WAYS = 1024, 4
SLOT = struct.Struct("=Qd")  # a name's hash, a moment
SIZE = BUCKETS * WAYS * SLOT.size


class SharedTimes:
    """Two processes that write at once may lose one of the two tries, which costs nobody anything.

    :param path: None, or where there can't be such a file: this process's own memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._memory: mmap.mmap | bytearray | None = None

    def read(self, name: str) -> float:
        return self._find(name)[1]

    def write(self, name: str, until: float) -> None:
        SLOT.pack_into(self._open(), self._find(name)[0], hash_of(name), until)

    def _find(self, name: str) -> tuple[int, float]:
        """(where it is or would be written, the moment that is there)."""
        key, memory = hash_of(name), self._open()
        first = key % BUCKETS * WAYS * SLOT.size
        places = range(first, first + WAYS * SLOT.size, SLOT.size)
        found = [(SLOT.unpack_from(memory, place), place) for place in places]
        for (owner, until), place in found:
            if owner == key:
                return place, until
        return min((until, place) for (_, until), place in found)[1], 0.0

    def _open(self) -> "mmap.mmap | bytearray":
        if self._memory is None:
            self._memory = bytearray(SIZE)
            if self._path is not None:
                with suppress(OSError, ValueError):
                    self._memory = shared(self._path, SIZE)
        return self._memory


def hash_of(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8]) or 1
