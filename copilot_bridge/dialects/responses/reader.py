"""Conversion of a Responses stream into the hub's events.

Items are identified by their index, never by their id, which differs from event to event.
"""

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
from copilot_bridge.dialects.reorder import PartReorderBuffer
from copilot_bridge.dialects.responses.usage import read_usage
from copilot_bridge.dialects.stream_errors import (
    ERROR_TYPES,
    as_stream_error,
    error_in,
    incomplete_response,
    is_error,
)

ADDED, DONE = "response.output_item.added", "response.output_item.done"

INCOMPLETE: dict[str, Reason] = {"max_output_tokens": "length", "content_filter": "filtered"}

FAILED_STATUSES = {"failed", "cancelled"}

# Items that call a tool, and the field of their arguments.
ARGUMENTS_FIELD = {"function_call": "arguments", "custom_tool_call": "input"}


class ResponsesReader:
    """Reads a stream in which each item is a part, and a message one part for each text in it.

    An item is open from `output_item.added` to `output_item.done`.  Items that overlap are reordered.
    """

    def __init__(self) -> None:
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._part_key: object = None  # (kind, index) of the open part
        self._with_deltas: set[object] = set()  # indexes of items with deltas
        self._closed: set[object] = set()  # indexes of items that are complete
        self._called = False
        self._refused = False

    def feed(self, data: bytes) -> Iterable[Event]:
        event = codec.read_object(data) if data else None
        if event is None:
            return ()
        type_ = event.get("type")
        if type_ in ERROR_TYPES and is_error(event):
            raise as_stream_error(error_in(event))
        index = event.get("output_index")
        if index.__class__ is not int:
            index = event["output_index"] = self._index_of(event, index)
        if self._reorder.defer(index, event):
            return ()
        # Most events are deltas, after which no other item is due.
        if (handle := self._DELTA_HANDLERS.get(str(type_))) and index not in self._closed:
            return handle(self, event)
        return self._emit([event])

    def _index_of(self, event: JsonObject, value: Any) -> Any:
        """Return the index of an event without one: for a delta that of the open item."""
        index = members.index(value)
        return self._reorder.open if index is None and "delta" in event else index

    @property
    def usage(self) -> TokenUsage:
        """No token usage: it comes only with the end of the response."""
        return TokenUsage()

    def close(self) -> Iterator[Event]:
        raise incomplete_response()

    def _emit(self, events: list[JsonObject]) -> Iterator[Event]:
        while events:
            for event in events:
                kind = str(event.get("type"))
                handle = self._HANDLERS.get(kind)
                if handle and (kind == ADDED or event["output_index"] not in self._closed):
                    yield from handle(self, event)
            events = self._reorder.pop_next()

    def _start(self, event: JsonObject) -> Iterator[Event]:
        yield ResponseStarted(members.id_text(members.object_in(event, "response"), "id"))

    def _added(self, event: JsonObject) -> Iterator[Event]:
        index = self._reorder.open = event["output_index"]
        item = members.object_in(event, "item")
        self._part_key = None
        self._with_deltas.discard(index)
        self._closed.discard(index)
        if str(item.get("type")) in ARGUMENTS_FIELD and item.get("name"):
            yield self._call(index, item)

    def _call(self, index: object, item: JsonObject) -> Event:
        self._called = True
        custom = item["type"] == "custom_tool_call"
        id_, name = members.id_text(item, "call_id"), members.required_text(item, "name")
        return ToolCallStarted(self._open_part("call", index), id_, name, custom)

    def _text(self, event: JsonObject) -> tuple[Event, ...]:
        if text := members.text(event, "delta"):
            return (TextDelta(self._open_content("text", event), text),)
        return ()

    def _refusal(self, event: JsonObject) -> tuple[Event, ...]:
        if text := members.text(event, "delta"):
            self._refused = True
            return (RefusalDelta(self._open_content("refusal", event), text),)
        return ()

    def _open_content(self, kind: str, event: JsonObject) -> int:
        """Return the part of a message that a delta belongs to."""
        index = event["output_index"]
        self._with_deltas.add(index)
        content_index = event.get("content_index")
        if content_index.__class__ is not int:
            content_index = members.index(content_index)
        return self._open_part(kind, (index, content_index))

    def _arguments(self, event: JsonObject) -> tuple[Event, ...]:
        index = event["output_index"]
        if (delta := members.text(event, "delta")) and self._part_key == ("call", index):
            self._with_deltas.add(index)
            return (ToolCallArgumentsDelta(self._part, delta),)
        return ()

    def _summary_part(self, event: JsonObject) -> Iterator[Event]:
        if event.get("summary_index"):
            yield ReasoningDelta(self._open_part("reasoning", event["output_index"]), "\n\n")

    def _summary(self, event: JsonObject) -> tuple[Event, ...]:
        index = event["output_index"]
        if text := members.text(event, "delta"):
            self._with_deltas.add(index)
            return (ReasoningDelta(self._open_part("reasoning", index), text),)
        return ()

    def _close(self, event: JsonObject) -> Iterator[Event]:
        """Close an item, and emit what no delta had.

        That is its content if there were no deltas, and the signature of reasoning.
        """
        index, item = event["output_index"], members.object_in(event, "item")
        yield from self._close_item(index, item)
        self._closed.add(index)
        if index == self._reorder.open:
            self._reorder.open = None

    def _close_item(self, index: object, item: JsonObject) -> Iterator[Event]:
        if close := self._CLOSE_HANDLERS.get(str(item.get("type"))):
            yield from close(self, index, item, index not in self._with_deltas)

    def _close_reasoning(self, index: object, item: JsonObject, without_deltas: bool) -> Iterator[Event]:
        summary = "\n\n".join(members.text(part, "text") for part in members.objects_in(item, "summary"))
        if without_deltas and summary:
            yield ReasoningDelta(self._open_part("reasoning", index), summary)
        if encrypted := members.text(item, "encrypted_content"):
            details = {"id": members.id_text(item, "id"), "encrypted_content": encrypted}
            yield ReasoningSignature(self._open_part("reasoning", index), {"responses": details})

    def _close_call(self, index: object, item: JsonObject, without_deltas: bool) -> Iterator[Event]:
        if self._part_key != ("call", index):
            yield self._call(index, item)
        if without_deltas and (arguments := members.json_text(item, ARGUMENTS_FIELD[item["type"]])):
            yield ToolCallArgumentsDelta(self._part, arguments)

    def _close_message(self, index: object, item: JsonObject, without_deltas: bool) -> Iterator[Event]:
        for content_index, content in enumerate(
            members.objects_in(item, "content") if without_deltas else ()
        ):
            if refusal := members.text(content, "refusal"):
                self._refused = True
                yield RefusalDelta(self._open_part("refusal", (index, content_index)), refusal)
            elif text := members.text(content, "text"):
                yield TextDelta(self._open_part("text", (index, content_index)), text)

    def _end(self, event: JsonObject) -> Iterator[Event]:
        """End the response.  If the event's type and the response's status differ, the worse one counts."""
        response = members.object_in(event, "response")
        statuses = {str(response.get("status")), str(event["type"]).rpartition(".")[2]}
        if statuses & FAILED_STATUSES:
            raise as_stream_error(error_in(event))
        yield from self._emit_output(response)
        yield from self._emit_deferred()
        reason = self._reason(response, incomplete="incomplete" in statuses)
        yield ResponseFinished(reason, read_usage(members.optional_object(response, "usage")))

    def _emit_output(self, response: JsonObject) -> Iterator[Event]:
        """Emit the response's output if no event before the end had any of it."""
        if self._part < 0 and self._reorder.open is None and not self._closed:
            for index, item in enumerate(members.objects_in(response, "output")):
                yield from self._close_item(index, item)

    def _reason(self, response: JsonObject, *, incomplete: bool) -> Reason:
        if incomplete:
            reason = members.optional_object(response, "incomplete_details").get("reason")
            return INCOMPLETE.get(str(reason), "length")
        return "tool_calls" if self._called else "refusal" if self._refused else "stop"

    def _failed(self, event: JsonObject) -> Iterator[Event]:
        raise as_stream_error(error_in(event))

    def _emit_deferred(self) -> Iterator[Event]:
        """Emit deferred events.  Items that were never closed end with the response."""
        self._reorder.open = None
        while deferred := self._reorder.pop_next():
            yield from self._emit(deferred)
            self._reorder.open = None

    def _open_part(self, kind: str, index: object) -> int:
        """Return the number of the open part, after opening a new one if the kind or the index differs."""
        if (kind, index) != self._part_key:
            self._part_key = (kind, index)
            self._part += 1
        return self._part

    _DELTA_HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterable[Event]]]] = {
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.custom_tool_call_input.delta": _arguments,
        "response.reasoning_summary_text.delta": _summary,
    }
    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterable[Event]]]] = {
        **_DELTA_HANDLERS,
        "response.created": _start,
        ADDED: _added,
        "response.reasoning_summary_part.added": _summary_part,
        DONE: _close,
        "response.completed": _end,
        "response.incomplete": _end,
        "response.failed": _failed,
        "response.cancelled": _failed,
    }
    _CLOSE_HANDLERS: ClassVar[dict[str, Callable[[Any, Any, Any, Any], Iterator[Event]]]] = {
        "reasoning": _close_reasoning,
        "function_call": _close_call,
        "custom_tool_call": _close_call,
        "message": _close_message,
    }
