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
from copilot_bridge.dialects.line import Line
from copilot_bridge.dialects.messages.repair import numbers, read_event
from copilot_bridge.dialects.told import told_error
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

# Blocks that the hub can say; what a server's own tools did is none of a client's business.
KINDS = ("text", "thinking", "redacted_thinking", "tool_use")

Block = dict[str, Any]


class Reader:
    """A block is a part, unless there is nothing in it.  Blocks that overlap wait for each other."""

    def __init__(self) -> None:
        self._usage: dict[str, int] = {}
        self._reason: Reason = "stop"
        self._stop_sequence: str | None = None
        self._refusal = ""
        self._line = Line()
        self._part = -1
        self._block = ""  # the kind of the open block; "" if it is none that the hub can say
        self._told = False  # something of the open block
        self._signature = ""

    def feed(self, data: bytes) -> Iterator[Event]:
        event = read_event(data) if data else None
        if event and not self._line.hold(event.get("index"), event):
            yield from self._tell([event])

    @property
    def usage(self) -> Usage:
        """As far as it has been told."""
        return read_usage(self._usage)

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _tell(self, told: list[Block]) -> Iterator[Event]:
        while told:
            for event in told:
                if take := self._ON.get(str(event.get("type"))):
                    yield from take(self, event)
            told = self._line.next()

    def _start(self, event: Block) -> Iterator[Event]:
        self._count(event["message"].get("usage"))
        yield Started(str(event["message"].get("id")))

    def _open(self, event: Block) -> Iterator[Event]:
        yield from self._leave()
        block, self._line.open = event["content_block"], event["index"]
        self._block = block["type"] if block["type"] in KINDS else ""
        if self._block == "tool_use":
            yield CallStarted(self._enter(), block["id"], block["name"])
        elif self._block == "redacted_thinking":
            yield ReasoningSeal(self._enter(), {"redacted": block["data"]})
        elif self._block == "text" and block.get("text"):
            yield TextDelta(self._enter(), block["text"])

    def _delta(self, event: Block) -> Iterator[Event]:
        if event["index"] != self._line.open:
            return
        delta = event["delta"]
        kind = (self._block, delta.get("type"))
        if kind == ("thinking", "signature_delta"):
            self._signature += delta["signature"]
        elif kind in DELTAS and delta[DELTAS[kind][0]]:
            yield DELTAS[kind][1](self._enter(), delta[DELTAS[kind][0]])

    def _close(self, event: Block) -> Iterator[Event]:
        if event["index"] == self._line.open:
            yield from self._leave()

    def _enter(self) -> int:
        """The open block's part, which has its number when something of it is told."""
        if not self._told:
            self._told = True
            self._part += 1
        return self._part

    def _leave(self) -> Iterator[Event]:
        if self._signature:
            yield ReasoningSeal(self._enter(), {"messages": self._signature})
        self._line.open, self._block, self._told, self._signature = None, "", False, ""

    def _finish(self, event: Block) -> Iterator[Event]:
        self._count(event.get("usage"))
        self._reason = REASONS.get(str(event["delta"].get("stop_reason")), "stop")
        if event["delta"].get("stop_reason") == "stop_sequence":
            self._stop_sequence = event["delta"].get("stop_sequence")
        details = event["delta"].get("stop_details")
        if self._reason == "refusal" and isinstance(details, dict):
            self._refusal = str(details.get("explanation") or "")
        yield from ()

    def _stop(self, _event: Block) -> Iterator[Event]:
        """Blocks that nobody has closed end here, too."""
        yield from self._leave()
        while told := self._line.next():
            yield from self._tell(told)
            yield from self._leave()
        yield Finished(self._reason, self.usage, self._refusal, self._stop_sequence)

    def _count(self, usage: Any) -> None:
        """What the end tells replaces what the beginning told."""
        self._usage |= numbers(usage)
        self._usage |= numbers(usage.get("output_tokens_details")) if isinstance(usage, dict) else {}

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


def read_usage(usage: dict[str, int]) -> Usage:
    return Usage(
        input=usage.get("input_tokens", 0),
        cached=usage.get("cache_read_input_tokens", 0),
        cache_written=usage.get("cache_creation_input_tokens", 0),
        output=usage.get("output_tokens", 0),
        reasoning=usage.get("thinking_tokens", 0),
    )


# What a kind of block may be told by: (where it stands, the event it makes).
DELTAS: dict[tuple[str, Any], tuple[str, Callable[[int, str], Event]]] = {
    ("text", "text_delta"): ("text", TextDelta),
    ("thinking", "thinking_delta"): ("thinking", ReasoningDelta),
    ("tool_use", "input_json_delta"): ("partial_json", ArgumentsDelta),
}
