"""The conversion of Copilot's response into the client's."""

from collections.abc import Iterable, Iterator
from contextlib import closing

import requests
from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.dialects.accumulation import FrameCollector, ReceivedResponse, WholeResponse
from copilot_bridge.dialects.adaptation.adapt import Undo
from copilot_bridge.dialects.adaptation.stop_sequences import StopSequenceReader
from copilot_bridge.dialects.client_request import ClientResponse, NormalizedResponse
from copilot_bridge.dialects.dialect import UpstreamApi
from copilot_bridge.dialects.events import Event, EventReader
from copilot_bridge.dialects.filtered import ByteFilter, Filtered, StreamConverter, filtered
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.output_tool import OutputToolReader
from copilot_bridge.dialects.translation import EventDecoder, Translation
from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.response_facts import StreamFacts, note_whole_response
from copilot_bridge.streaming.response_body import open_body
from copilot_bridge.upstream.recovery.output_tool import OUTPUT_TOOL
from copilot_bridge.upstream.transport.bodies import read_tail, read_whole, too_large


class Conversion(Struct, frozen=True):
    """How a response is converted.  It holds nothing of the prompt, so it may live as long as the stream.

    :param response: the maker of responses in the client's dialect.  :param framing: of the client's streams.
    :param upstream: the API in which Copilot responds.
    :param passthrough: whether that is the client's own dialect.
    :param created: unix seconds, for a response without a time.  :param id: for a response without an id.
    :param undo: the changes to the request that have to be undone.
    :param by_tool: whether the output comes as the input of a tool.
    :param filter: changes the bytes before they are converted; None: nothing has to change.
    """

    response: ClientResponse
    framing: Framing
    upstream: UpstreamApi
    passthrough: bool
    id: str
    created: int
    undo: Undo
    by_tool: bool
    filter: ByteFilter | None

    @property
    def passes(self) -> bool:
        """Return whether the response is only normalized, and not read and written anew."""
        return self.passthrough and not self.undo.stops and not self.by_tool

    @property
    def native(self) -> NormalizedResponse | None:
        """Return what normalizes the response; None: it is read and written anew."""
        return self.response if self.passes and isinstance(self.response, NormalizedResponse) else None

    def after_refusals(self, stops: tuple[str, ...], by_tool: bool) -> "Conversion":
        """Return the conversion after changes that refusals required.

        :param stops: stop sequences that the bridge enforces.
        """
        if not stops and by_tool == self.by_tool:
            return self
        undo = replace(self.undo, stops=tuple(dict.fromkeys((*self.undo.stops, *stops))))
        return replace(self, undo=undo, by_tool=by_tool)

    def reader(self) -> StreamConverter:
        """Return a converter for a stream."""
        native = self.native
        return self._filtered(native.normalizer() if native else self._translation(self.framing))

    def events(self, pieces: Iterable[bytes]) -> Iterator[list[Event]]:
        """Yield the events that each piece of a stream completes; nothing is undone yet but stop sequences.

        :raises BridgeError: it contains an error, or has no end.
        """
        reader = self._event_reader()
        if self.undo.stops:
            reader = StopSequenceReader(reader, self.undo.stops)
        decoder = EventDecoder(reader)
        for piece in filtered(pieces, self.filter) if self.filter else pieces:
            yield [*decoder.feed(piece)]
            if decoder.done:
                return
        yield [*decoder.close()]

    def whole(self, response: requests.Response, streamed: bool, entry: RequestLogEntry, limit: int) -> bytes:
        """Read a response to its end, and return it as a whole.  Blocks.

        :param streamed: Copilot's response is a stream.
        :param limit: the most bytes of a stream.
        :raises BridgeError: it contains an error, or can't be read.
        """
        native = self.native
        with closing(response):
            if streamed or native is None:
                whole, usage = self._accumulate(response, entry, limit)
            else:
                received = ReceivedResponse.read(read_whole(response))
                note_whole_response(entry, received.body)
                whole, usage = native.normalize(self.filter.whole(received) if self.filter else received)
        entry.note_usage(usage)
        return whole

    def _accumulate(self, response: requests.Response, entry: RequestLogEntry, limit: int) -> WholeResponse:
        pieces = counted(iter(open_body(response, fast=False).read_available, b""), entry, limit)
        if self.passes:
            whole = self.response.accumulate(filtered(pieces, self.filter) if self.filter else pieces)
            read_tail(response)
            return whole
        accumulator = self.response.accumulator()
        reader = self._filtered(self._translation(FrameCollector(accumulator)))
        read_to_end(reader, pieces)
        if not reader.stopped:
            read_tail(response)
        return accumulator.result()

    def _filtered(self, reader: StreamConverter) -> StreamConverter:
        return Filtered(reader, self.filter) if self.filter else reader

    def _translation(self, framing: Framing) -> StreamConverter:
        return Translation(self._event_reader(), self.response.writer(), framing, self.undo, self.id)

    def _event_reader(self) -> EventReader:
        reader: EventReader = self.upstream.reader(self.id, self.created)
        return OutputToolReader(reader, OUTPUT_TOOL) if self.by_tool else reader


def counted(pieces: Iterator[bytes], entry: RequestLogEntry, limit: int) -> Iterator[bytes]:
    """Yield the pieces of a stream, and note what they say.

    :raises UpstreamRefused: it has more bytes than a response may have.
    """
    size, facts = 0, StreamFacts(entry)
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        facts.feed(piece)
        facts.note_cost()
        yield piece


def read_to_end(reader: StreamConverter, pieces: Iterator[bytes]) -> None:
    """Convert a whole stream.

    :raises BridgeError: the failure that the stream reports.
    """
    for piece in pieces:
        reader.feed(piece)
        if reader.failure:
            raise reader.failure
        if reader.done:
            return
    reader.close()


def unreadable(request_id: str) -> UpstreamRefused:
    """Return the error for a client when the bridge itself fails to convert a response."""
    return UpstreamRefused(f"Copilot's response could not be read: the log has more of request {request_id}")
