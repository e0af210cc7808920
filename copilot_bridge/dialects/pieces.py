"""A whole body in pieces: megabytes that are not copied together before they are sent."""

from collections.abc import Iterator
from typing import Any

PIECE_SIZE = 256 * 1024  # bytes that are passed to the server at once


class Pieces:
    """A body that can be iterated over once; what has been sent is freed.

    :param parts: bytes, or whatever else has a buffer of bytes.  `size`: of all of them, in bytes.
    """

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self.size = sum(map(len, parts))

    def __iter__(self) -> Iterator[bytes]:
        self._parts.reverse()
        batch: list[Any] = []
        size = 0
        while self._parts:
            batch.append(part := self._parts.pop())
            size += len(part)
            if size >= PIECE_SIZE:
                yield b"".join(batch)
                batch.clear()
                size = 0
        if batch:
            yield b"".join(batch)
