"""Conversion of a Messages stream into the hub's events."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Event,
    Reason,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.messages.usage import read_usage, token_counts
from copilot_bridge.dialects.reorder import PartReorderBuffer
from copilot_bridge.dialects.stream_errors import (
    ERROR_TYPES,
    as_stream_error,
    error_in,
    incomplete_response,
    is_error,
)

FINISH_REASON_MAP: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "paused",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}

# Blocks that the hub knows.  Those of server tools are no client's business.
BLOCK_TYPES = ("text", "thinking", "redacted_thinking", "tool_use")

# The text of a refusal without an explanation.
REFUSAL_TEXT = "The model refused to answer."


class MessagesReader:
    """Reads a stream in which each block that is not empty is a part.  Blocks that overlap are reordered."""

    def __init__(self) -> None:
        self._usage: dict[str, int] = {}
        self._reason: Reason = "stop"
        self._stop_sequence: str | None = None
        self._refusal = REFUSAL_TEXT
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._block_type = ""  # the type of the open block; "" if the hub does not know it
        self._is_part_open = False  # whether the open block has become a part
        # a tool call's arguments, if the start of its block had them
        self._arguments_at_start: JsonObject = {}
        self._signature = ""
        self._block_count = 0  # the number of blocks that have begun

    def feed(self, data: bytes) -> Iterable[Event]:
        event = codec.read_object(data) if data else None
        if event is None:
            return ()
        type_ = event.get("type")
        if type_ in ERROR_TYPES and is_error(event):
            raise as_stream_error(error_in(event))
        index = event.get("index")
        if index.__class__ is not int:
            index = event["index"] = self._index_of(event, index)
        if self._reorder.defer(index, event):
            return ()
        # Most events are deltas, after which no other block is due.
        return self._delta(event) if type_ == "content_block_delta" else self._emit([event])

    @property
    def usage(self) -> TokenUsage:
        """The token usage, as far as it is known."""
        return read_usage(self._usage)

    def _index_of(self, event: JsonObject, value: Any) -> Any:
        """Return the index of an event without one.

        A block that starts has the next index; any other event belongs to the open block.
        """
        index = members.index(value)
        if index is not None or event.get("type") not in BLOCK_EVENTS:
            return index
        return self._block_count if event["type"] == "content_block_start" else self._reorder.open

    def close(self) -> Iterator[Event]:
        raise incomplete_response()

    def _emit(self, events: list[JsonObject]) -> Iterator[Event]:
        while events:
            for event in events:
                if handle := self._HANDLERS.get(str(event.get("type"))):
                    yield from handle(self, event)
            events = self._reorder.pop_next()

    def _start(self, event: JsonObject) -> Iterator[Event]:
        message = members.object_in(event, "message")
        self._count(message.get("usage"))
        yield ResponseStarted(members.id_text(message, "id"))

    def _open(self, event: JsonObject) -> Iterator[Event]:
        yield from self._close_part()
        block, self._reorder.open = members.object_in(event, "content_block"), event["index"]
        self._block_count += 1
        type_ = members.required_text(block, "type")
        self._block_type = type_ if type_ in BLOCK_TYPES else ""
        if self._block_type == "tool_use":
            self._arguments_at_start = members.object_in(block, "input")
            id_, name = members.id_text(block, "id"), members.required_text(block, "name")
            yield ToolCallStarted(self._open_part(), id_, name)
        elif self._block_type == "redacted_thinking":
            yield ReasoningSignature(self._open_part(), {"redacted": members.text(block, "data")})
        elif self._block_type in EVENT_BY_BLOCK_START and (
            beginning := members.text(block, self._block_type)
        ):
            yield EVENT_BY_BLOCK_START[self._block_type](self._open_part(), beginning)

    def _delta(self, event: JsonObject) -> tuple[Event, ...]:
        if event["index"] != self._reorder.open:
            return ()
        delta = members.object_in(event, "delta")
        key = (self._block_type, str(delta.get("type")))
        if key == ("thinking", "signature_delta"):
            self._signature += members.text(delta, "signature")
        elif key in EVENT_BY_DELTA and (piece := members.text(delta, EVENT_BY_DELTA[key][0])):
            self._arguments_at_start = {}
            return (EVENT_BY_DELTA[key][1](self._open_part(), piece),)
        return ()

    def _close(self, event: JsonObject) -> Iterator[Event]:
        if event["index"] == self._reorder.open:
            yield from self._close_part()

    def _open_part(self) -> int:
        """Return the number of the open block's part.  It is assigned with the block's first content."""
        if not self._is_part_open:
            self._is_part_open = True
            self._part += 1
        return self._part

    def _close_part(self) -> Iterator[Event]:
        if self._arguments_at_start:  # the start of the block had them, and no delta followed
            yield ToolCallArgumentsDelta(self._open_part(), codec.write(self._arguments_at_start).decode())
        if self._signature:
            yield ReasoningSignature(self._open_part(), {"messages": self._signature})
        self._reorder.open, self._block_type, self._is_part_open = None, "", False
        self._arguments_at_start, self._signature = {}, ""

    def _finish(self, event: JsonObject) -> Iterator[Event]:
        self._count(event.get("usage"))
        delta = members.object_in(event, "delta")
        if reason := members.text(delta, "stop_reason"):
            self._reason = FINISH_REASON_MAP.get(reason, "stop")
        if reason == "stop_sequence":
            self._stop_sequence = members.text(delta, "stop_sequence") or None
        explanation = members.optional_object(delta, "stop_details").get("explanation")
        self._refusal = explanation if isinstance(explanation, str) and explanation else REFUSAL_TEXT
        yield from ()

    def _stop(self, _event: JsonObject) -> Iterator[Event]:
        """End the response, and with it the blocks that were never closed."""
        yield from self._close_part()
        while deferred := self._reorder.pop_next():
            yield from self._emit(deferred)
            yield from self._close_part()
        if self._reason == "refusal":
            yield RefusalDelta(self._open_part(), self._refusal)
        yield ResponseFinished(self._reason, self.usage, self._stop_sequence)

    def _count(self, usage: Any) -> None:
        """Add token counts.  Those at the end replace those at the beginning."""
        self._usage |= token_counts(usage)

    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterable[Event]]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
    }


BLOCK_EVENTS = ("content_block_start", "content_block_delta", "content_block_stop")

# Blocks that may have content at their start, and the event for it.
EVENT_BY_BLOCK_START: dict[str, Callable[[int, str], Event]] = {"text": TextDelta, "thinking": ReasoningDelta}

# (block type, delta type) -> (the field of the content, the event for it).
EVENT_BY_DELTA: dict[tuple[str, str], tuple[str, Callable[[int, str], Event]]] = {
    ("text", "text_delta"): ("text", TextDelta),
    ("thinking", "thinking_delta"): ("thinking", ReasoningDelta),
    ("tool_use", "input_json_delta"): ("partial_json", ToolCallArgumentsDelta),
}
