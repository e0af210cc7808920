"""A Messages stream -> the hub's events."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects.events import (
    ArgumentsDelta,
    CallStarted,
    Event,
    Finished,
    Reason,
    ReasoningDelta,
    ReasoningSeal,
    Started,
    TextDelta,
    Usage,
)
from copilot_bridge.dialects.messages.repair import numbers, read_event, told_error
from copilot_bridge.errors import StreamCut

REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}

Block = dict[str, Any]


class Reader:
    """Blocks of Messages are parts already: one after the other, each with its index."""

    def __init__(self) -> None:
        self._usage: dict[str, int] = {}
        self._reason: Reason = "stop"
        self._signature = ""
        self._parts: dict[int, int] = {}  # index -> part; blocks that the hub can't say have none

    def feed(self, data: bytes) -> Iterator[Event]:
        event = read_event(data) if data else None
        take = self._ON.get(str(event.get("type"))) if event else None
        if take:
            yield from take(self, event)

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _start(self, event: Block) -> Iterator[Event]:
        self._usage |= numbers(event["message"].get("usage"))
        yield Started(str(event["message"].get("id")))

    def _open(self, event: Block) -> Iterator[Event]:
        block, index = event["content_block"], event["index"]
        if block["type"] not in ("text", "thinking", "redacted_thinking", "tool_use"):
            return
        part = self._parts[index] = len(self._parts)
        self._signature = ""
        if block["type"] == "tool_use":
            yield CallStarted(part, block["id"], block["name"])
        elif block["type"] == "redacted_thinking":
            yield ReasoningSeal(part, {"redacted": block["data"]})
        elif block.get("text"):
            yield TextDelta(part, block["text"])

    def _delta(self, event: Block) -> Iterator[Event]:
        part, delta = self._parts.get(event["index"]), event["delta"]
        if part is None:
            return
        kind = delta.get("type")
        if kind == "signature_delta":
            self._signature += delta["signature"]
        elif kind in DELTAS and delta[DELTAS[kind][0]]:
            yield DELTAS[kind][1](part, delta[DELTAS[kind][0]])

    def _close(self, event: Block) -> Iterator[Event]:
        part = self._parts.get(event["index"])
        if part is not None and self._signature:
            yield ReasoningSeal(part, {"messages": self._signature})
        self._signature = ""

    def _finish(self, event: Block) -> Iterator[Event]:
        self._usage |= numbers(event.get("usage"))
        self._reason = REASONS.get(str(event["delta"].get("stop_reason")), "stop")
        yield from ()

    def _stop(self, _event: Block) -> Iterator[Event]:
        usage = self._usage
        details = usage.get("thinking_tokens", 0)
        yield Finished(
            self._reason,
            Usage(
                input=usage.get("input_tokens", 0),
                cached=usage.get("cache_read_input_tokens", 0),
                cache_written=usage.get("cache_creation_input_tokens", 0),
                output=usage.get("output_tokens", 0),
                reasoning=details,
            ),
        )

    def _fail(self, event: Block) -> Iterator[Event]:
        raise told_error(event.get("error"))

    _ON: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
        "error": _fail,
    }


DELTAS: dict[str, tuple[str, Callable[[int, str], Event]]] = {
    "text_delta": ("text", TextDelta),
    "thinking_delta": ("thinking", ReasoningDelta),
    "input_json_delta": ("partial_json", ArgumentsDelta),
}
