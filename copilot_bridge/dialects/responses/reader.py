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
from copilot_bridge.dialects.responses.repair import read_event
from copilot_bridge.errors import StreamCut, UpstreamRefused

Json = dict[str, Any]

INCOMPLETE: dict[str, Reason] = {"max_output_tokens": "length", "content_filter": "refusal"}


class Reader:
    def __init__(self) -> None:
        self._parts: dict[object, int] = {}  # an item's place, or a text's place within one -> part
        self._told: set[int] = set()  # places of which deltas have come
        self._called = False
        self._refused = False

    def feed(self, data: bytes) -> Iterator[Event]:
        event = read_event(data) if data else None
        take = self._ON.get(str(event.get("type"))) if event else None
        if take:
            yield from take(self, event)

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _start(self, event: Json) -> Iterator[Event]:
        yield Started(str(event["response"].get("id")))

    def _added(self, event: Json) -> Iterator[Event]:
        item = event["item"]
        if item.get("type") == "function_call":
            self._called = True
            yield CallStarted(self._part(event["output_index"]), item["call_id"], item["name"])

    def _text(self, event: Json) -> Iterator[Event]:
        self._told.add(event["output_index"])
        yield TextDelta(self._part((event["output_index"], event.get("content_index"))), event["delta"])

    def _refusal(self, event: Json) -> Iterator[Event]:
        self._refused = True
        yield from self._text(event)

    def _arguments(self, event: Json) -> Iterator[Event]:
        self._told.add(event["output_index"])
        yield ArgumentsDelta(self._part(event["output_index"]), event["delta"])

    def _summary_part(self, event: Json) -> Iterator[Event]:
        if event.get("summary_index"):
            yield ReasoningDelta(self._part(event["output_index"]), "\n\n")

    def _summary(self, event: Json) -> Iterator[Event]:
        self._told.add(event["output_index"])
        yield ReasoningDelta(self._part(event["output_index"]), event["delta"])

    def _done(self, event: Json) -> Iterator[Event]:
        """What no delta has told, and what a thought is locked with."""
        place, item = event["output_index"], event["item"]
        untold = place not in self._told
        if item.get("type") == "reasoning":
            part = self._part(place)
            summary = "\n\n".join(each["text"] for each in item.get("summary") or ())
            if untold and summary:
                yield ReasoningDelta(part, summary)
            if item.get("encrypted_content"):
                goods = {"id": item.get("id"), "encrypted_content": item["encrypted_content"]}
                yield ReasoningSeal(part, {"responses": goods})
        elif item.get("type") == "function_call" and untold and item.get("arguments"):
            yield ArgumentsDelta(self._part(place), item["arguments"])
        elif item.get("type") == "message" and untold:
            for index, content in enumerate(item.get("content") or ()):
                text = content.get("text") or content.get("refusal") or ""
                self._refused |= content.get("type") == "refusal"
                if text:
                    yield TextDelta(self._part((place, index)), text)

    def _completed(self, event: Json) -> Iterator[Event]:
        reason: Reason = "tool_calls" if self._called else "refusal" if self._refused else "stop"
        yield Finished(reason, read_usage(event["response"].get("usage") or {}))

    def _incomplete(self, event: Json) -> Iterator[Event]:
        told = (event["response"].get("incomplete_details") or {}).get("reason")
        yield Finished(INCOMPLETE.get(str(told), "length"), read_usage(event["response"].get("usage") or {}))

    def _failed(self, event: Json) -> Iterator[Event]:
        error = (event.get("response") or {}).get("error") or event
        code = error.get("code")
        raise UpstreamRefused(
            str(error.get("message") or "Copilot broke off"), code=str(code) if code else None
        )

    def _part(self, place: object) -> int:
        return self._parts.setdefault(place, len(self._parts))

    _ON: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "response.created": _start,
        "response.output_item.added": _added,
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.reasoning_summary_part.added": _summary_part,
        "response.reasoning_summary_text.delta": _summary,
        "response.output_item.done": _done,
        "response.completed": _completed,
        "response.incomplete": _incomplete,
        "response.failed": _failed,
        "response.cancelled": _failed,
        "error": _failed,
    }


def read_usage(usage: Json) -> Usage:
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(
        input=max(0, (usage.get("input_tokens") or 0) - cached),
        cached=cached,
        output=usage.get("output_tokens") or 0,
        reasoning=(usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0,
    )
