"""Translation of a stream between two dialects: splitter, reader, hub events, writer, framing."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo
from copilot_bridge.dialects.adaptation.custom_tools import CustomInputUnwrapper
from copilot_bridge.dialects.adaptation.stop_sequences import StopSequenceReader
from copilot_bridge.dialects.chat_usage import chat_usage
from copilot_bridge.dialects.events import (
    Event,
    EventReader,
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.framing.frames import FrameWriter, Framing
from copilot_bridge.dialects.stream_errors import read_stream_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

# Events that never change on the way.
UNCHANGED = frozenset({TextDelta, ReasoningDelta, ToolCallArgumentsDelta})


class EventDecoder:
    """Decodes the events of a stream, whose bytes may be cut anywhere, up to the end of the response.

    :ivar done: the response is complete.
    """

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader
        self._splitter = sse.Splitter()
        self.done = False

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that a piece completes.

        :raises UpstreamRefused: the stream contains an error.
        """
        for block in self._splitter.feed(piece):
            data = sse.read_data(block)
            if data and block.startswith(sse.ERROR_NAMES):
                raise read_stream_error(data)
            if data and not self.done:
                yield from self._until_end(self._reader.feed(data))

    def close(self) -> Iterator[Event]:
        """Yield the rest of the events.

        :raises StreamCut: the response has no end.
        """
        yield from self.feed(b"\n\n")  # the last event may lack its empty line
        if not self.done:
            yield from self._until_end(self._reader.close())

    def _until_end(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.done = self.done or isinstance(event, ResponseFinished)
            yield event


class EventEncoder:
    """Encodes events, undoing what the request's adaptation has changed.

    :param undo: the changes to the request that have to be undone.
    :param response_id: for the ids of tool calls without one.
    """

    def __init__(
        self, writer: FrameWriter, framing: Framing, undo: Undo = NO_CHANGES, response_id: str = ""
    ) -> None:
        self._undo = undo
        self._unwrapper = CustomInputUnwrapper(undo.custom) if undo.custom else None
        self._response_id = response_id
        self._started = False
        self._call_ids: set[str] = set()
        self._writer = writer
        self._framing = framing
        self._encode = framing.encode
        self.usage: dict[str, Any] | None = None
        self.done = False

    def fail(self, error: BridgeError) -> bytes:
        return self._encode([self._writer.fail(error)])

    def write(self, event: Event) -> bytes:
        if type(event) in UNCHANGED and self._started and self._unwrapper is None:
            return self._encode(self._writer.feed(event))  # most events
        before = b""
        if not self._started:
            self._started = True
            if not isinstance(event, ResponseStarted):
                before = self._encode(self._writer.feed(ResponseStarted("")))
        elif isinstance(event, ResponseStarted):
            return b""
        if isinstance(event, ToolCallStarted):
            event = self._restore_call(event)
        elif isinstance(event, ResponseFinished):
            event = self._finish(event)
        events = [event] if self._unwrapper is None else self._unwrapper.feed(event)
        out = b"".join([self._encode(self._writer.feed(changed)) for changed in events])
        return before + out + (self._framing.end if self.done else b"")

    def _restore_call(self, event: ToolCallStarted) -> ToolCallStarted:
        """Give a tool call a unique id and the client's name of the tool."""
        id_ = self._undo.ids.get(event.id, event.id)
        if not id_ or id_ in self._call_ids:
            id_ = f"call_{self._response_id}_{len(self._call_ids)}"
        self._call_ids.add(id_)
        return replace(event, id=id_, name=self._undo.names.get(event.name, event.name))

    def _finish(self, event: ResponseFinished) -> ResponseFinished:
        """Finish the response with a reason that says whether there were calls, since agents rely on it."""
        self.done = True
        self.usage = chat_usage(event.usage)
        if event.reason in ("stop", "tool_calls"):
            return replace(event, reason="tool_calls" if self._call_ids else "stop")
        return event


class Translation:
    """Translates a stream of bytes, cut anywhere, into whole events of the client's dialect.

    :param undo: the changes to the request that have to be undone.
    :param response_id: for the ids of tool calls without one.
    """

    def __init__(
        self,
        reader: EventReader,
        writer: FrameWriter,
        framing: Framing,
        undo: Undo = NO_CHANGES,
        response_id: str = "",
    ) -> None:
        self._stop_reader = StopSequenceReader(reader, undo.stops) if undo.stops else None
        self._reader = self._stop_reader or reader
        self._encoder = EventEncoder(writer, framing, undo, response_id)
        self._write = self._encoder.write
        self._framing = framing
        self._splitter = sse.Splitter()
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def usage(self) -> dict[str, Any] | None:
        return self._encoder.usage

    @property
    def done(self) -> bool:
        return self._encoder.done

    @property
    def finished(self) -> bool:
        return self._encoder.done

    @property
    def stopped(self) -> bool:
        """Return whether the bridge ended the response, so that upstream's stream can be closed."""
        return self._stop_reader is not None and self._stop_reader.stopped

    def feed(self, piece: bytes) -> bytes:
        """Translate a piece of the stream.

        If events come before an error in the same piece, they are returned, and the error is kept in
        `failure`.

        :raises UpstreamRefused: the stream contains an error.
        """
        out: list[bytes] = []
        try:
            for block in self._splitter.feed(piece):
                if self.done:  # a client may take a comment after its end for a broken line
                    break
                data = sse.read_data(block)
                if data:
                    if block.startswith(sse.ERROR_NAMES):
                        raise read_stream_error(data)
                    out.extend(map(self._write, self._reader.feed(data)))
                elif block.startswith(b":"):
                    out.append(self._framing.comment(block))
        except (UpstreamRefused, StreamCut) as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """Return the rest of the stream.

        :raises StreamCut: the response has no end.
        :raises UpstreamRefused: the stream ended in an error.
        """
        if self.failure:
            raise self.failure
        out = self.feed(b"\n\n")  # the last event may lack its empty line
        if self.failure:
            raise self.failure
        return out if self.done else out + b"".join(map(self._write, self._reader.close()))

    def fail(self, error: BridgeError) -> bytes:
        return self._encoder.fail(error)
