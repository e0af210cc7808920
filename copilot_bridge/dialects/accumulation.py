"""Whole responses: as Copilot sends them, or accumulated from the events of a stream."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import ClassVar, Protocol

from msgspec import Struct

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.stream_errors import read_stream_error

WholeResponse = tuple[bytes, JsonObject | None]  # the response, and its token usage as chat counts it

DONE = b"[DONE]"


class ReceivedResponse(Struct, frozen=True):
    """Copilot's whole response.

    :param data: its bytes.  :param body: what they say; None: they are not a JSON object.
    """

    data: bytes
    body: JsonObject | None

    @classmethod
    def read(cls, data: bytes) -> "ReceivedResponse":
        return cls(data, codec.read_object(data))


class ResponseAccumulator(Protocol):
    """Takes the payloads of a stream's events, and joins them into a response."""

    @property
    def done(self) -> bool:
        """Return whether the response is complete."""

    def add(self, payload: JsonObject) -> None:
        """Add the payload of an event.

        :raises UpstreamRefused: it is an error, or can't be read.
        """

    def end(self) -> None:
        """Note the end marker, which follows the last event in some dialects."""

    def result(self) -> WholeResponse:
        """Return the whole response.

        :raises StreamCut: the stream has no end.
        """


def accumulate(pieces: Iterable[bytes], accumulator: ResponseAccumulator) -> WholeResponse:
    """Accumulate a stream, whose bytes may be cut anywhere, into a whole response.

    :raises StreamCut: the stream has no end.
    :raises UpstreamRefused: it contains an error.
    """
    splitter = sse.Splitter()
    for piece in chain(pieces, [b"\n\n"]):  # the last event may lack its empty line
        for block in splitter.feed(piece):
            add_block(block, accumulator)
            if accumulator.done:
                return accumulator.result()
    return accumulator.result()


def add_block(block: bytes, accumulator: ResponseAccumulator) -> None:
    data = sse.read_data(block)
    if data.strip() == DONE:
        accumulator.end()
    elif sse.tells_error(block):
        raise read_stream_error(data)
    elif payload := codec.read_object(data):
        accumulator.add(payload)


class FrameCollector:
    """A framing that encodes nothing: it hands the frames of a translated response to an accumulator."""

    media_type: ClassVar[str] = "application/json"
    keepalive: ClassVar[bytes] = b""
    end: ClassVar[bytes] = b""

    def __init__(self, accumulator: ResponseAccumulator) -> None:
        self._accumulator = accumulator

    def encode(self, frames: Sequence[Frame]) -> bytes:
        for _name, payload in frames:
            self._accumulator.add(payload)
        return b""

    def comment(self, _block: bytes) -> bytes:
        return b""
