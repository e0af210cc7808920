"""A Responses stream -> the hub's events.  Items are known by their place, never by their changing ids."""

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
from copilot_bridge.dialects.responses.repair import error_of, read_event
from copilot_bridge.dialects.told import told_error
from copilot_bridge.errors import StreamCut

Json = dict[str, Any]

ADDED, DONE = "response.output_item.added", "response.output_item.done"

INCOMPLETE: dict[str, Reason] = {"max_output_tokens": "length", "content_filter": "refusal"}


class Reader:
    """An item is a part, a message one for each text in it.  Items that overlap wait for each other: one
    is open from `output_item.added` to `output_item.done`.
    """

    def __init__(self) -> None:
        self._line = Line()
        self._part = -1
        self._key: object = None  # of the part that is being told: its item's kind and place
        self._told: set[object] = set()  # places of which deltas have come
        self._done: set[object] = set()  # places of which nothing more is to come
        self._called = False
        self._refused = False

    def feed(self, data: bytes) -> Iterator[Event]:
        event = read_event(data) if data else None
        if event and not self._line.hold(event.get("output_index"), event):
            yield from self._tell([event])

    @property
    def usage(self) -> Usage:
        """Nothing is told of it before the end."""
        return Usage()

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _tell(self, told: list[Json]) -> Iterator[Event]:
        while told:
            for event in told:
                kind = str(event.get("type"))
                take = self._ON.get(kind)
                if take and (kind == ADDED or event.get("output_index") not in self._done):
                    yield from take(self, event)
            told = self._line.next()

    def _start(self, event: Json) -> Iterator[Event]:
        yield Started(str(event["response"].get("id")))

    def _added(self, event: Json) -> Iterator[Event]:
        place = self._line.open = event["output_index"]
        self._key = None
        self._told.discard(place)
        self._done.discard(place)
        if event["item"].get("type") == "function_call":
            yield self._call(place, event["item"])

    def _call(self, place: object, item: Json) -> Event:
        self._called = True
        return CallStarted(self._enter("call", place), item["call_id"], item["name"])

    def _text(self, event: Json) -> Iterator[Event]:
        place = event["output_index"]
        if text := event["delta"]:
            self._told.add(place)
            yield TextDelta(self._enter("text", (place, event.get("content_index"))), text)

    def _refusal(self, event: Json) -> Iterator[Event]:
        self._refused = True
        yield from self._text(event)

    def _arguments(self, event: Json) -> Iterator[Event]:
        place = event["output_index"]
        if event["delta"] and self._key == ("call", place):
            self._told.add(place)
            yield ArgumentsDelta(self._part, event["delta"])

    def _summary_part(self, event: Json) -> Iterator[Event]:
        if event.get("summary_index"):
            yield ReasoningDelta(self._enter("reasoning", event["output_index"]), "\n\n")

    def _summary(self, event: Json) -> Iterator[Event]:
        place = event["output_index"]
        if text := event["delta"]:
            self._told.add(place)
            yield ReasoningDelta(self._enter("reasoning", place), text)

    def _close(self, event: Json) -> Iterator[Event]:
        """What no delta has told, and what a thought is locked with."""
        place, item = event["output_index"], event["item"]
        if close := self._CLOSE.get(str(item.get("type"))):
            yield from close(self, place, item, place not in self._told)
        self._done.add(place)
        if place == self._line.open:
            self._line.open = None

    def _close_reasoning(self, place: object, item: Json, untold: bool) -> Iterator[Event]:
        summary = "\n\n".join(each["text"] for each in item.get("summary") or ())
        if untold and summary:
            yield ReasoningDelta(self._enter("reasoning", place), summary)
        if item.get("encrypted_content"):
            goods = {"id": item.get("id"), "encrypted_content": item["encrypted_content"]}
            yield ReasoningSeal(self._enter("reasoning", place), {"responses": goods})

    def _close_call(self, place: object, item: Json, untold: bool) -> Iterator[Event]:
        if self._key != ("call", place):
            yield self._call(place, item)
        if untold and item.get("arguments"):
            yield ArgumentsDelta(self._part, item["arguments"])

    def _close_message(self, place: object, item: Json, untold: bool) -> Iterator[Event]:
        for index, content in enumerate(item.get("content") or () if untold else ()):
            text = content.get("text") or content.get("refusal") or ""
            self._refused |= content.get("type") == "refusal"
            if text:
                yield TextDelta(self._enter("text", (place, index)), text)

    def _completed(self, event: Json) -> Iterator[Event]:
        yield from self._rest()
        reason: Reason = "tool_calls" if self._called else "refusal" if self._refused else "stop"
        yield Finished(reason, read_usage(event["response"].get("usage") or {}))

    def _incomplete(self, event: Json) -> Iterator[Event]:
        yield from self._rest()
        told = (event["response"].get("incomplete_details") or {}).get("reason")
        yield Finished(INCOMPLETE.get(str(told), "length"), read_usage(event["response"].get("usage") or {}))

    def _failed(self, event: Json) -> Iterator[Event]:
        raise told_error(error_of(event))

    def _rest(self) -> Iterator[Event]:
        """Items that nobody has closed end with the answer, too."""
        self._line.open = None
        while told := self._line.next():
            yield from self._tell(told)
            self._line.open = None

    def _enter(self, kind: str, place: object) -> int:
        if (kind, place) != self._key:
            self._key = (kind, place)
            self._part += 1
        return self._part

    _ON: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "response.created": _start,
        ADDED: _added,
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.reasoning_summary_part.added": _summary_part,
        "response.reasoning_summary_text.delta": _summary,
        DONE: _close,
        "response.completed": _completed,
        "response.incomplete": _incomplete,
        "response.failed": _failed,
        "response.cancelled": _failed,
        "error": _failed,
    }
    _CLOSE: ClassVar[dict[str, Callable[[Any, Any, Any, Any], Iterator[Event]]]] = {
        "reasoning": _close_reasoning,
        "function_call": _close_call,
        "message": _close_message,
    }


def read_usage(usage: Json) -> Usage:
    """What was read from a cache or written to one is counted among the input."""
    details = usage.get("input_tokens_details") or {}
    cached, written = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    return Usage(
        input=max(0, (usage.get("input_tokens") or 0) - cached - written),
        cached=cached,
        cache_written=written,
        output=usage.get("output_tokens") or 0,
        reasoning=(usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0,
    )
