"""A Responses stream -> the hub's events.  Items are known by their place, never by their changing ids."""

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
from copilot_bridge.dialects.reorder import PartReorderBuffer
from copilot_bridge.dialects.stream_errors import ERROR_TYPES, as_stream_error, error_in, is_error
from copilot_bridge.errors import StreamCut

ADDED, DONE = "response.output_item.added", "response.output_item.done"

INCOMPLETE: dict[str, Reason] = {"max_output_tokens": "length", "content_filter": "filtered"}

FAILED = {"failed", "cancelled"}

# What calls a tool, and the field of its arguments.
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


class Reader:
    """An item is a part, a message one for each text in it.  Items that overlap wait for each other: one
    is open from `output_item.added` to `output_item.done`.
    """

    def __init__(self) -> None:
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._key: object = None  # of the part that is being told: its item's kind and place
        self._told: set[object] = set()  # places of which deltas have come
        self._done: set[object] = set()  # places of which nothing more is to come
        self._called = False
        self._refused = False

    def feed(self, data: bytes) -> Iterator[Event]:
        event = codec.read_object(data) if data else None
        if event is None:
            return
        if event.get("type") in ERROR_TYPES and is_error(event):
            raise as_stream_error(error_in(event))
        place = event.get("output_index")
        if place.__class__ is not int:
            place = event["output_index"] = self._place_of(event, place)
        if not self._reorder.defer(place, event):
            yield from self._emit([event])

    def _place_of(self, event: JsonObject, given: Any) -> Any:
        """A delta without one is of the item that is open."""
        place = members.index(given)
        return self._reorder.open if place is None and "delta" in event else place

    @property
    def usage(self) -> TokenUsage:
        """Nothing is told of it before the end."""
        return TokenUsage()

    def close(self) -> Iterator[Event]:
        raise StreamCut("Copilot's answer broke off before its end")

    def _emit(self, told: list[JsonObject]) -> Iterator[Event]:
        while told:
            for event in told:
                kind = str(event.get("type"))
                take = self._HANDLERS.get(kind)
                if take and (kind == ADDED or event["output_index"] not in self._done):
                    yield from take(self, event)
            told = self._reorder.pop_next()

    def _start(self, event: JsonObject) -> Iterator[Event]:
        yield ResponseStarted(members.id_text(members.object_in(event, "response"), "id"))

    def _added(self, event: JsonObject) -> Iterator[Event]:
        place = self._reorder.open = event["output_index"]
        item = members.object_in(event, "item")
        self._key = None
        self._told.discard(place)
        self._done.discard(place)
        if str(item.get("type")) in CALLS and item.get("name"):
            yield self._call(place, item)

    def _call(self, place: object, item: JsonObject) -> Event:
        self._called = True
        custom = item["type"] == "custom_tool_call"
        id_, name = members.id_text(item, "call_id"), members.required_text(item, "name")
        return ToolCallStarted(self._open_part("call", place), id_, name, custom)

    def _text(self, event: JsonObject) -> Iterator[Event]:
        if text := members.text(event, "delta"):
            yield TextDelta(self._said("text", event), text)

    def _refusal(self, event: JsonObject) -> Iterator[Event]:
        if text := members.text(event, "delta"):
            self._refused = True
            yield RefusalDelta(self._said("refusal", event), text)

    def _said(self, kind: str, event: JsonObject) -> int:
        """The part of a message that a delta belongs to."""
        place = event["output_index"]
        self._told.add(place)
        index = event.get("content_index")
        return self._open_part(kind, (place, index if index.__class__ is int else members.index(index)))

    def _arguments(self, event: JsonObject) -> Iterator[Event]:
        place = event["output_index"]
        if (delta := members.text(event, "delta")) and self._key == ("call", place):
            self._told.add(place)
            yield ToolCallArgumentsDelta(self._part, delta)

    def _summary_part(self, event: JsonObject) -> Iterator[Event]:
        if event.get("summary_index"):
            yield ReasoningDelta(self._open_part("reasoning", event["output_index"]), "\n\n")

    def _summary(self, event: JsonObject) -> Iterator[Event]:
        place = event["output_index"]
        if text := members.text(event, "delta"):
            self._told.add(place)
            yield ReasoningDelta(self._open_part("reasoning", place), text)

    def _close(self, event: JsonObject) -> Iterator[Event]:
        """What no delta has told, and what a thought is locked with."""
        place, item = event["output_index"], members.object_in(event, "item")
        yield from self._close_item(place, item)
        self._done.add(place)
        if place == self._reorder.open:
            self._reorder.open = None

    def _close_item(self, place: object, item: JsonObject) -> Iterator[Event]:
        if close := self._CLOSE_HANDLERS.get(str(item.get("type"))):
            yield from close(self, place, item, place not in self._told)

    def _close_reasoning(self, place: object, item: JsonObject, untold: bool) -> Iterator[Event]:
        summary = "\n\n".join(members.text(each, "text") for each in members.objects_in(item, "summary"))
        if untold and summary:
            yield ReasoningDelta(self._open_part("reasoning", place), summary)
        if encrypted := members.text(item, "encrypted_content"):
            goods = {"id": members.id_text(item, "id"), "encrypted_content": encrypted}
            yield ReasoningSignature(self._open_part("reasoning", place), {"responses": goods})

    def _close_call(self, place: object, item: JsonObject, untold: bool) -> Iterator[Event]:
        if self._key != ("call", place):
            yield self._call(place, item)
        if untold and (arguments := members.json_text(item, CALLS[item["type"]])):
            yield ToolCallArgumentsDelta(self._part, arguments)

    def _close_message(self, place: object, item: JsonObject, untold: bool) -> Iterator[Event]:
        for index, content in enumerate(members.objects_in(item, "content") if untold else ()):
            if refusal := members.text(content, "refusal"):
                self._refused = True
                yield RefusalDelta(self._open_part("refusal", (place, index)), refusal)
            elif text := members.text(content, "text"):
                yield TextDelta(self._open_part("text", (place, index)), text)

    def _ended(self, event: JsonObject) -> Iterator[Event]:
        """Where the event's name and the response's status differ, the worse is true."""
        response = members.object_in(event, "response")
        said = {str(response.get("status")), str(event["type"]).rpartition(".")[2]}
        if said & FAILED:
            raise as_stream_error(error_in(event))
        yield from self._untold(response)
        yield from self._rest()
        reason = self._reason(response, cut="incomplete" in said)
        yield ResponseFinished(reason, read_usage(members.optional_object(response, "usage")))

    def _untold(self, response: JsonObject) -> Iterator[Event]:
        """An answer of which nothing was told but its end."""
        if self._part < 0 and self._reorder.open is None and not self._done:
            for place, item in enumerate(members.objects_in(response, "output")):
                yield from self._close_item(place, item)

    def _reason(self, response: JsonObject, *, cut: bool) -> Reason:
        if cut:
            told = members.optional_object(response, "incomplete_details").get("reason")
            return INCOMPLETE.get(str(told), "length")
        return "tool_calls" if self._called else "refusal" if self._refused else "stop"

    def _failed(self, event: JsonObject) -> Iterator[Event]:
        raise as_stream_error(error_in(event))

    def _rest(self) -> Iterator[Event]:
        """Items that nobody has closed end with the answer, too."""
        self._reorder.open = None
        while told := self._reorder.pop_next():
            yield from self._emit(told)
            self._reorder.open = None

    def _open_part(self, kind: str, place: object) -> int:
        if (kind, place) != self._key:
            self._key = (kind, place)
            self._part += 1
        return self._part

    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "response.created": _start,
        ADDED: _added,
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.custom_tool_call_input.delta": _arguments,
        "response.reasoning_summary_part.added": _summary_part,
        "response.reasoning_summary_text.delta": _summary,
        DONE: _close,
        "response.completed": _ended,
        "response.incomplete": _ended,
        "response.failed": _failed,
        "response.cancelled": _failed,
    }
    _CLOSE_HANDLERS: ClassVar[dict[str, Callable[[Any, Any, Any, Any], Iterator[Event]]]] = {
        "reasoning": _close_reasoning,
        "function_call": _close_call,
        "custom_tool_call": _close_call,
        "message": _close_message,
    }


def read_usage(usage: JsonObject) -> TokenUsage:
    """What was read from a cache or written to one is counted among the input."""
    given = members.optional_object(usage, "input_tokens_details")
    cached, written = (
        members.token_count(given.get("cached_tokens")),
        members.token_count(given.get("cache_write_tokens")),
    )
    return TokenUsage(
        input=max(0, members.token_count(usage.get("input_tokens")) - cached - written),
        cached=cached,
        cache_written=written,
        output=members.token_count(usage.get("output_tokens")),
        reasoning=members.token_count(
            members.optional_object(usage, "output_tokens_details").get("reasoning_tokens")
        ),
    )
