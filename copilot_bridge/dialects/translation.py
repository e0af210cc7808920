"""A stream of one dialect in, the same stream in another out: decoder, reader, events, writer."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo
from copilot_bridge.dialects.adaptation.custom_tools import CustomInputUnwrapper
from copilot_bridge.dialects.adaptation.stop_sequences import StopSequenceReader
from copilot_bridge.dialects.events import (
    Event,
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.framing.frames import Frame, Framing
from copilot_bridge.dialects.stream_errors import read_stream_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

# Events in which nothing has to change.
PLAIN = frozenset({TextDelta, ReasoningDelta, ToolCallArgumentsDelta})


class EventReader(Protocol):
    """Upstream's data, an event at a time, in; the hub's events out.

    `usage`: as far as it has been told.
    """

    @property
    def usage(self) -> TokenUsage: ...
    def feed(self, data: bytes) -> Iterable[Event]: ...
    def close(self) -> Iterable[Event]:
        """The end of the stream.  Raises StreamCut: it has none."""


class FrameWriter(Protocol):
    """The hub's events in, the frames of the client's dialect out.

    A payload may change with the next event: it has to be encoded before.
    """

    def feed(self, event: Event) -> list[Frame]: ...
    def fail(self, error: BridgeError) -> Frame: ...


class Translation:
    """Bytes in, cut anywhere; whole events of the client's dialect out.

    :param undo: of what was changed in the request.
    :param answer_id: for the ids of calls that have none of their own.
    """

    def __init__(
        self,
        reader: EventReader,
        writer: FrameWriter,
        framing: Framing,
        undo: Undo = NO_CHANGES,
        answer_id: str = "",
    ) -> None:
        self._undo = undo
        self._cut = StopSequenceReader(reader, undo.stops) if undo.stops else None
        self._reader = self._cut or reader
        self._unwrapper = CustomInputUnwrapper(undo.custom) if undo.custom else None
        self._answer_id = answer_id
        self._started = False
        self._call_ids: set[str] = set()
        self._writer = writer
        self._framing = framing
        self._encode = framing.encode
        self._splitter = sse.Splitter()
        self.usage: dict[str, Any] | None = None
        self.done = False
        self.finished = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def stopped(self) -> bool:
        """It was ended from here: upstream is not to go on."""
        return self._cut is not None and self._cut.stopped

    def feed(self, piece: bytes) -> bytes:
        """Raises UpstreamRefused: the stream tells of an error; what came before it is given first."""
        out: list[bytes] = []
        try:
            for block in self._splitter.feed(piece):
                data = sse.read_data(block)
                if data and not self.done:
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
        """Raises StreamCut: the answer has no end; UpstreamRefused: its end is an error."""
        if self.failure:
            raise self.failure
        out = self.feed(b"\n\n")  # the last event may lack its empty line
        if self.failure:
            raise self.failure
        return out if self.done else out + b"".join(map(self._write, self._reader.close()))

    def fail(self, error: BridgeError) -> bytes:
        return self._encode([self._writer.fail(error)])

    def _write(self, event: Event) -> bytes:
        if type(event) in PLAIN and self._started and self._unwrapper is None:
            return self._encode(self._writer.feed(event))  # the many
        before = b""
        if not self._started:
            self._started = True
            if not isinstance(event, ResponseStarted):
                before = self._encode(self._writer.feed(ResponseStarted("")))
        elif isinstance(event, ResponseStarted):
            return b""
        if isinstance(event, ToolCallStarted):
            event = self._called(event)
        elif isinstance(event, ResponseFinished):
            event = self._finished(event)
        events = [event] if self._unwrapper is None else self._unwrapper.feed(event)
        out = b"".join([self._encode(self._writer.feed(each)) for each in events])
        return before + out + (self._framing.end if self.done else b"")

    def _called(self, event: ToolCallStarted) -> ToolCallStarted:
        """By an id that no other call has, and by the client's name for the tool."""
        id_ = self._undo.ids.get(event.id, event.id)
        if not id_ or id_ in self._call_ids:
            id_ = f"call_{self._answer_id}_{len(self._call_ids)}"
        self._call_ids.add(id_)
        return replace(event, id=id_, name=self._undo.names.get(event.name, event.name))

    def _finished(self, event: ResponseFinished) -> ResponseFinished:
        """Agents go on as long as there is said to be a call."""
        self.done = self.finished = True
        usage = event.usage
        self.usage = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.output}
        if event.reason in ("stop", "tool_calls"):
            return replace(event, reason="tool_calls" if self._call_ids else "stop")
        return event
