"""Conversion of the hub's events into the frames of a Responses stream.

Clients expect many kinds of events, and all are written.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Citation,
    Event,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    ServerToolCall,
    ServerToolResult,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.provider_details import encode_details
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.dialects.responses.normalize import NONE, ResponseCallback
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.server_tools.texts import CARRIED
from copilot_bridge.errors import BridgeError

STATUS_BY_REASON = {
    "stop": ("completed", None),
    "paused": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", {"reason": "max_output_tokens"}),
    "refusal": ("completed", None),
    "filtered": ("incomplete", {"reason": "content_filter"}),
}

PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "web_search_call": "ws"}

# The events with a call's arguments.
ARGUMENTS_EVENT = {"function_call": "function_call_arguments", "custom_tool_call": "custom_tool_call_input"}

MESSAGE = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}

# The parts of a message, without their text.
CONTENT_PART: dict[str, JsonObject] = {
    "output_text": {"text": "", "annotations": []},
    "refusal": {"refusal": ""},
}
LOGPROBS: dict[str, JsonObject] = {"output_text": {"logprobs": []}}


class ResponsesWriter:
    """Writes a stream in which at most one output item is open: that of the open part.

    :param relations: the fields of the response that say what it belongs to.
    :param on_end: called with the whole response when it is complete.
    """

    def __init__(
        self,
        *,
        response_id: str,
        model: str,
        created: int,
        names: ToolNames,
        relations: JsonObject = NONE,
        on_end: ResponseCallback = lambda _response: None,
    ) -> None:
        self._response_id = response_id
        self._on_end = on_end
        self._names = names
        self._sequence_number = 0
        self._part: int | None = None
        self._pieces: list[str] = []  # the text, summary or arguments of the open item so far
        self._content_type = ""  # the type of the open message's part
        self._annotations: list[JsonObject] = []  # of the open message's part
        self._item: JsonObject = {}
        self._output: list[JsonObject] = []
        self._response: JsonObject = {
            "id": f"resp_{response_id}",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "model": model,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "previous_response_id": None,
            "store": False,
            "usage": None,
            **relations,
        }

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error, self._response, self._sequence_number)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        response = {"response": self._response}
        return [self._frame("response.created", response), self._frame("response.in_progress", response)]

    def _text_delta(self, event: TextDelta) -> list[Frame]:
        out = self._add_to_message(event, "output_text")
        delta = self._item_fields(content_index=0, delta=event.text, logprobs=[])
        return [*out, self._frame("response.output_text.delta", delta)]

    def _refusal(self, event: RefusalDelta) -> list[Frame]:
        """Write a refusal as OpenAI does: in a complete response, as a part of its own."""
        out = self._add_to_message(event, "refusal")
        return [
            *out,
            self._frame("response.refusal.delta", self._item_fields(content_index=0, delta=event.text)),
        ]

    def _add_to_message(self, event: TextDelta | RefusalDelta, kind: str) -> list[Frame]:
        out = self._open_part(event.part, MESSAGE)
        if out:
            self._content_type = kind
            part = {"type": kind, **CONTENT_PART[kind]}
            out.append(
                self._frame("response.content_part.added", self._item_fields(content_index=0, part=part))
            )
        self._pieces.append(event.text)
        return out

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        out = self._open_part(event.part, {"type": "reasoning", "summary": []})
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            out.append(
                self._frame(
                    "response.reasoning_summary_part.added", self._item_fields(summary_index=0, part=part)
                )
            )
        self._pieces.append(event.text)
        delta = self._item_fields(summary_index=0, delta=event.text)
        return [*out, self._frame("response.reasoning_summary_text.delta", delta)]

    def _signature(self, event: ReasoningSignature) -> list[Frame]:
        out = self._open_part(event.part, {"type": "reasoning", "summary": []})
        self._item["encrypted_content"] = encode_details(event.provider_details, "responses")
        return out

    def _call(self, event: ToolCallStarted) -> list[Frame]:
        namespace, name = self._names.of.get(event.name, (None, event.name))
        kind, field = ("custom_tool_call", "input") if event.custom else ("function_call", "arguments")
        item: JsonObject = {"type": kind, "status": "in_progress", "call_id": event.id, "name": name}
        item |= {"namespace": namespace} if namespace else {}
        return self._open_part(event.part, item | {field: ""})

    def _arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        self._pieces.append(event.json)
        return [
            self._frame(
                f"response.{ARGUMENTS_EVENT[self._item['type']]}.delta", self._item_fields(delta=event.json)
            )
        ]

    def _server_call(self, event: ServerToolCall) -> list[Frame]:
        """Write a search that begins; its item is complete with the result."""
        query = str(event.arguments.get("query") or "")
        item: JsonObject = {"type": "web_search_call", "status": "in_progress"}
        out = self._open_part(event.part, item | {"action": {"type": "search", "query": query}})
        kinds = ("in_progress", "searching")
        return [
            *out,
            *(self._frame(f"response.web_search_call.{kind}", self._item_fields()) for kind in kinds),
        ]

    def _server_result(self, event: ServerToolResult) -> list[Frame]:
        """Write the result of a search, and beside it an item that carries it through the client."""
        pages = [{"type": "url", "url": source.url} for source in event.sources]
        self._item["action"] = {**self._item["action"], "sources": pages}
        self._item["status"] = "failed" if event.error else "completed"
        out = self._close_part()
        carried = encode_details({CARRIED: event.text}, "responses")
        item = {"type": "reasoning", "summary": [], "encrypted_content": carried}
        return [*out, *self._open_part(event.part, item)]

    def _citation(self, event: Citation) -> list[Frame]:
        if event.part != self._part:
            return []
        page = {"url": event.source.url, "title": event.source.title}
        annotation = {"type": "url_citation", "start_index": event.start, "end_index": event.end, **page}
        self._annotations.append(annotation)
        indices = {"content_index": 0, "annotation_index": len(self._annotations) - 1}
        fields = self._item_fields(**indices, annotation=annotation)
        return [self._frame("response.output_text.annotation.added", fields)]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        out = self._close_part(cut=event.reason == "length")
        status, details = STATUS_BY_REASON[event.reason]
        self._response |= {"status": status, "incomplete_details": details, "output": self._output}
        self._response["usage"] = write_usage(event.usage)
        self._on_end(self._response)
        return [*out, self._frame(f"response.{status}", {"response": self._response})]

    def _open_part(self, part: int, item: JsonObject) -> list[Frame]:
        if part == self._part:
            return []
        out, self._part, self._pieces = self._close_part(), part, []
        self._annotations = []
        prefix = PREFIXES.get(item["type"], "ctc")
        self._item = {"id": f"{prefix}_{self._response_id}_{len(self._output)}", **item}
        added = {"output_index": len(self._output), "item": dict(self._item)}  # more is added to it later
        return [*out, self._frame("response.output_item.added", added)]

    def _close_part(self, *, cut: bool = False) -> list[Frame]:
        if self._part is None:
            return []
        out = self._CLOSE_HANDLERS[self._item["type"]](self)
        if self._item.get("status") == "in_progress":
            self._item["status"] = "incomplete" if cut else "completed"
        out.append(
            self._frame("response.output_item.done", {"output_index": len(self._output), "item": self._item})
        )
        self._output.append(self._item)
        self._part = None
        return out

    def _close_message(self) -> list[Frame]:
        text = "".join(self._pieces)
        kind, field = self._content_type, self._content_type.removeprefix("output_")
        part = {"type": kind, **CONTENT_PART[kind], field: text}
        part |= {"annotations": self._annotations} if self._annotations else {}
        self._item["content"] = [part]
        fields = self._item_fields(content_index=0, **{field: text}, **LOGPROBS.get(kind, {}))
        return [
            self._frame(f"response.{kind}.done", fields),
            self._frame("response.content_part.done", self._item_fields(content_index=0, part=part)),
        ]

    def _close_reasoning(self) -> list[Frame]:
        if not self._pieces:
            return []
        text = "".join(self._pieces)
        part = {"type": "summary_text", "text": text}
        self._item["summary"] = [part]
        fields = self._item_fields(summary_index=0, text=text)
        return [
            self._frame("response.reasoning_summary_text.done", fields),
            self._frame(
                "response.reasoning_summary_part.done", self._item_fields(summary_index=0, part=part)
            ),
        ]

    def _close_call(self) -> list[Frame]:
        self._item["arguments"] = "".join(self._pieces) or "{}"
        fields = self._item_fields(arguments=self._item["arguments"])
        return [self._frame("response.function_call_arguments.done", fields)]

    def _close_search(self) -> list[Frame]:
        return [self._frame("response.web_search_call.completed", self._item_fields())]

    def _close_custom(self) -> list[Frame]:
        self._item["input"] = "".join(self._pieces)
        return [
            self._frame("response.custom_tool_call_input.done", self._item_fields(input=self._item["input"]))
        ]

    def _item_fields(self, **fields: Any) -> JsonObject:
        return {"item_id": self._item["id"], "output_index": len(self._output), **fields}

    def _frame(self, kind: str, fields: JsonObject) -> Frame:
        event = {"type": kind, "sequence_number": self._sequence_number, **fields}
        self._sequence_number += 1
        return kind, event

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text_delta,
        RefusalDelta: _refusal,
        ReasoningDelta: _reasoning,
        ReasoningSignature: _signature,
        ToolCallStarted: _call,
        ToolCallArgumentsDelta: _arguments,
        ServerToolCall: _server_call,
        ServerToolResult: _server_result,
        Citation: _citation,
        ResponseFinished: _finished,
    }
    _CLOSE_HANDLERS: ClassVar[dict[str, Callable[[Any], list[Frame]]]] = {
        "message": _close_message,
        "reasoning": _close_reasoning,
        "function_call": _close_call,
        "custom_tool_call": _close_custom,
        "web_search_call": _close_search,
    }


def write_usage(usage: TokenUsage) -> JsonObject:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt_tokens + usage.output,
    }
