"""Filters for the bytes of a response before they are converted."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.errors import BridgeError


class ByteFilter(Protocol):
    """Changes the bytes of a stream, cut anywhere, or a whole response."""

    def feed(self, piece: bytes) -> bytes: ...
    def rest(self) -> bytes: ...
    def whole(self, received: ReceivedResponse) -> ReceivedResponse: ...


class StreamConverter(Protocol):
    """Turns the bytes of upstream's stream, cut anywhere, into those of the client's.

    :ivar failure: an error in the stream, which comes after what was given out last.
    :ivar outcome: "ok", or the kind of an error that was passed on.
    :ivar stopped: the rest of the stream is not wanted.
    :ivar finished: the response is complete, though the stream may not be.
    """

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
    """A converter behind a filter."""

    def __init__(self, converter: StreamConverter, through: ByteFilter) -> None:
        self._converter = converter
        self._filter = through

    def feed(self, piece: bytes) -> bytes:
        filtered_piece = self._filter.feed(piece)
        return self._converter.feed(filtered_piece) if filtered_piece else b""

    def close(self) -> bytes:
        remainder = self._filter.rest()
        return (self._converter.feed(remainder) if remainder else b"") + self._converter.close()

    def fail(self, error: BridgeError) -> bytes:
        return self._converter.fail(error)

    @property
    def done(self) -> bool:
        return self._converter.done

    @property
    def failure(self) -> BridgeError | None:
        return self._converter.failure

    @property
    def outcome(self) -> str:
        return self._converter.outcome

    @property
    def stopped(self) -> bool:
        return self._converter.stopped

    @property
    def usage(self) -> dict[str, Any] | None:
        return self._converter.usage

    @property
    def finished(self) -> bool:
        return self._converter.finished


def filtered(pieces: Iterable[bytes], through: ByteFilter) -> Iterator[bytes]:
    """Filter the pieces of a stream."""
    for piece in pieces:
        if filtered_piece := through.feed(piece):
            yield filtered_piece
    yield through.rest()
