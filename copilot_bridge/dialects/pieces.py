"""A whole body in pieces: megabytes that are not copied together before they are sent."""

from collections.abc import Iterable, Iterator
from typing import Any

PIECE_SIZE = 256 * 1024  # bytes that are passed to the server at once
HELD_SIZE = 1024 * 1024  # bytes up to which a body is complete before its first byte is sent


class Pieces:
    """A body that can be iterated over once; what has been sent is freed.

    :param parts: bytes, or whatever else has a buffer of bytes.
    :ivar size: of the body, in bytes; None: unknown, because the rest of the body is made while it is sent.
    """

    def __init__(self, parts: Iterable[Any], size: int | None) -> None:
        self._parts = parts
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        batch: list[Any] = []
        size = 0
        for part in self._parts:
            batch.append(part)
            size += len(part)
            if size >= PIECE_SIZE:
                yield b"".join(batch)
                batch.clear()
                size = 0
        if batch:
            yield b"".join(batch)


def gather(parts: Iterator[Any], limit: int = HELD_SIZE) -> Pieces:
    """Return the body of these parts, the first of which are made now.

    Whatever goes wrong with a short body is raised here, while the response has no status yet.

    :param limit: the bytes after which the other parts are made one by one as the body is sent.
    """
    held: list[Any] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size > limit:
            return Pieces(consumed(held, parts), None)
    return Pieces(consumed(held, iter(())), size)


def consumed(held: list[Any], others: Iterator[Any]) -> Iterator[Any]:
    """Yield the parts, and keep none that was yielded."""
    held.reverse()
    while held:
        yield held.pop()
    yield from others
