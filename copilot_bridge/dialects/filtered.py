"""Filters for the bytes of a response before a reader gets them."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from copilot_bridge.errors import BridgeError


class Filter(Protocol):
    """Changes the bytes of a stream, cut anywhere, or of a whole response."""

    def feed(self, piece: bytes) -> bytes: ...
    def rest(self) -> bytes: ...
    def whole(self, data: bytes) -> bytes: ...


class Reader(Protocol):
    """Turns upstream's bytes into the client's."""

    @property
    def done(self) -> bool: ...
    @property
    def failure(self) -> BridgeError | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def usage(self) -> dict[str, Any] | None: ...
    @property
    def finished(self) -> bool: ...
    def feed(self, piece: bytes) -> bytes: ...
    def close(self) -> bytes: ...
    def fail(self, error: BridgeError) -> bytes: ...


class Filtered:
    """A reader behind a filter."""

    def __init__(self, reader: Reader, through: Filter) -> None:
        self._reader = reader
        self._filter = through

    def feed(self, piece: bytes) -> bytes:
        filtered_piece = self._filter.feed(piece)
        return self._reader.feed(filtered_piece) if filtered_piece else b""

    def close(self) -> bytes:
        rest = self._filter.rest()
        return (self._reader.feed(rest) if rest else b"") + self._reader.close()

    def fail(self, error: BridgeError) -> bytes:
        return self._reader.fail(error)

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def failure(self) -> BridgeError | None:
        return self._reader.failure

    @property
    def outcome(self) -> str:
        return self._reader.outcome

    @property
    def stopped(self) -> bool:
        return self._reader.stopped

    @property
    def usage(self) -> dict[str, Any] | None:
        return self._reader.usage

    @property
    def finished(self) -> bool:
        return self._reader.finished


def filtered(pieces: Iterable[bytes], through: Filter) -> Iterator[bytes]:
    """Filter the pieces of a stream."""
    for piece in pieces:
        if filtered_piece := through.feed(piece):
            yield filtered_piece
    yield through.rest()
