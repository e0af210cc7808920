"""A Messages stream -> the hub's events."""

from collections.abc import Callable, Iterator
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
from copilot_bridge.dialects.messages.normalize import numbers
from copilot_bridge.dialects.reorder import PartReorderBuffer
from copilot_bridge.dialects.stream_errors import ERROR_TYPES, as_stream_error, error_in, is_error
from copilot_bridge.errors import StreamCut

FINISH_REASON_MAP: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}

# Blocks that the hub can say; what a server's own tools did is none of a client's business.
KINDS = ("text", "thinking", "redacted_thinking", "tool_use")

# Of a refusal that says no more.
REFUSED = "The model refused to answer."


class Reader:
    """A block is a part, unless there is nothing in it.  Blocks that overlap wait for each other."""

    def __init__(self) -> None:
        self._usage: dict[str, int] = {}
        self._reason: Reason = "stop"
        self._stop_sequence: str | None = None
        self._refusal = REFUSED
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._block = ""  # the kind of the open block; "" if it is none that the hub can say
        self._told = False  # something of the open block
        self._whole: JsonObject = {}  # a call's arguments, as the start of its block told them
        self._signature = ""
        self._blocks = 0  # that have begun

    def feed(self, data: bytes) -> Iterator[Event]:
        event = codec.read_object(data) if data else None
        if event is None:
            return
        if event.get("type") in ERROR_TYPES and is_error(event):
            raise as_stream_error(error_in(event))
        place = event.get("index")
        if place.__class__ is not int:
            place = event["index"] = self._place_of(event, place)
        if not self._reorder.defer(place, event):
            yield from self._emit([event])

    @property
    def usage(self) -> TokenUsage:
        """As far as it has been told."""
        return read_usage(self._usage)

    def _place_of(self, event: JsonObject, given: Any) -> Any:
        """What has none is of the block that is open; one that begins is the next."""
        place = members.index(given)
        if place is not None or event.get("type") not in BLOCK_EVENTS:
            return place
        return self._blocks if event["type"] == "content_block_start" else self._reorder.open

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _emit(self, told: list[JsonObject]) -> Iterator[Event]:
        while told:
            for event in told:
                if take := self._HANDLERS.get(str(event.get("type"))):
                    yield from take(self, event)
            told = self._reorder.pop_next()

    def _start(self, event: JsonObject) -> Iterator[Event]:
        message = members.object_in(event, "message")
        self._count(message.get("usage"))
        yield ResponseStarted(members.id_text(message, "id"))

    def _open(self, event: JsonObject) -> Iterator[Event]:
        yield from self._close_part()
        block, self._reorder.open = members.object_in(event, "content_block"), event["index"]
        self._blocks += 1
        kind = members.required_text(block, "type")
        self._block = kind if kind in KINDS else ""
        if self._block == "tool_use":
            self._whole = members.object_in(block, "input")
            id_, name = members.id_text(block, "id"), members.required_text(block, "name")
            yield ToolCallStarted(self._open_part(), id_, name)
        elif self._block == "redacted_thinking":
            yield ReasoningSignature(self._open_part(), {"redacted": members.text(block, "data")})
        elif self._block in BEGINNINGS and (begun := members.text(block, self._block)):
            yield BEGINNINGS[self._block](self._open_part(), begun)

    def _delta(self, event: JsonObject) -> Iterator[Event]:
        if event["index"] != self._reorder.open:
            return
        delta = members.object_in(event, "delta")
        kind = (self._block, str(delta.get("type")))
        if kind == ("thinking", "signature_delta"):
            self._signature += members.text(delta, "signature")
        elif kind in DELTAS and (told := members.text(delta, DELTAS[kind][0])):
            self._whole = {}
            yield DELTAS[kind][1](self._open_part(), told)

    def _close(self, event: JsonObject) -> Iterator[Event]:
        if event["index"] == self._reorder.open:
            yield from self._close_part()

    def _open_part(self) -> int:
        """The open block's part, which has its number when something of it is told."""
        if not self._told:
            self._told = True
            self._part += 1
        return self._part

    def _close_part(self) -> Iterator[Event]:
        if self._whole:  # told by the start, and by no delta
            yield ToolCallArgumentsDelta(self._open_part(), codec.write(self._whole).decode())
        if self._signature:
            yield ReasoningSignature(self._open_part(), {"messages": self._signature})
        self._reorder.open, self._block, self._told = None, "", False
        self._whole, self._signature = {}, ""

    def _finish(self, event: JsonObject) -> Iterator[Event]:
        self._count(event.get("usage"))
        delta = members.object_in(event, "delta")
        if reason := members.text(delta, "stop_reason"):
            self._reason = FINISH_REASON_MAP.get(reason, "stop")
        if reason == "stop_sequence":
            self._stop_sequence = members.text(delta, "stop_sequence") or None
        explanation = members.optional_object(delta, "stop_details").get("explanation")
        self._refusal = explanation if isinstance(explanation, str) and explanation else REFUSED
        yield from ()

    def _stop(self, _event: JsonObject) -> Iterator[Event]:
        """Blocks that nobody has closed end here, too."""
        yield from self._close_part()
        while told := self._reorder.pop_next():
            yield from self._emit(told)
            yield from self._close_part()
        if self._reason == "refusal":
            yield RefusalDelta(self._open_part(), self._refusal)
        yield ResponseFinished(self._reason, self.usage, self._stop_sequence)

    def _count(self, usage: Any) -> None:
        """What the end tells replaces what the beginning told."""
        self._usage |= numbers(usage)
        self._usage |= numbers(usage.get("output_tokens_details")) if isinstance(usage, dict) else {}

    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
    }


def read_usage(usage: dict[str, int]) -> TokenUsage:
    return TokenUsage(
        input=usage.get("input_tokens", 0),
        cached=usage.get("cache_read_input_tokens", 0),
        cache_written=usage.get("cache_creation_input_tokens", 0),
        output=usage.get("output_tokens", 0),
        reasoning=usage.get("thinking_tokens", 0),
    )


BLOCK_EVENTS = ("content_block_start", "content_block_delta", "content_block_stop")

# What may be told by the start of a block already.
BEGINNINGS: dict[str, Callable[[int, str], Event]] = {"text": TextDelta, "thinking": ReasoningDelta}

# What a kind of block may be told by: (where it stands, the event it makes).
DELTAS: dict[tuple[str, str], tuple[str, Callable[[int, str], Event]]] = {
    ("text", "text_delta"): ("text", TextDelta),
    ("thinking", "thinking_delta"): ("thinking", ReasoningDelta),
    ("tool_use", "input_json_delta"): ("partial_json", ToolCallArgumentsDelta),
}
