"""Conversion of the hub's events into the frames of a Chat Completions stream."""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat_usage import chat_usage
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
from copilot_bridge.dialects.provider_details import encode_reasoning
from copilot_bridge.dialects.server_tools.texts import CARRIED
from copilot_bridge.errors import BridgeError

# OpenAI's models give "stop" when they have refused.
FINISH_REASON_MAP = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "stop",
    "filtered": "content_filter",
    "paused": "stop",
}


class ChatWriter:
    """Writes a stream.

    :param created: in Unix seconds.
    :param usage: whether the client wants the usage chunk.
    """

    def __init__(self, *, response_id: str, model: str, created: int, usage: bool) -> None:
        head = {"id": response_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = head
        self._wants_usage = usage
        self._calls: dict[int, int] = {}  # part -> the call's index
        self._call_without_arguments: int | None = (
            None  # the index of the last call, while it has no arguments
        )
        self._is_custom = False  # whether the last call takes free text
        self._reasoning_texts: dict[int, list[str]] = {}  # part -> its reasoning
        self._signatures: dict[int, dict[str, Any]] = {}  # part -> what upstream has to get back with it
        self._lengths: dict[int, int] = {}  # part -> the characters of its text

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def _text(self, event: TextDelta) -> list[Frame]:
        self._lengths[event.part] = self._lengths.get(event.part, 0) + len(event.text)
        return [self._chunk({"content": event.text})]

    def _refusal(self, event: RefusalDelta) -> list[Frame]:
        return [self._chunk({"refusal": event.text})]

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        self._reasoning_texts.setdefault(event.part, []).append(event.text)
        return [self._chunk({"reasoning_content": event.text})]

    def _signature(self, event: ReasoningSignature) -> list[Frame]:
        """Keep a signature for the end: chat has one for the whole response."""
        self._reasoning_texts.setdefault(event.part, [])
        self._signatures[event.part] = event.provider_details
        return []

    def _all_signatures(self) -> list[Frame]:
        reasoning = [
            ("".join(texts), self._signatures.get(part, {})) for part, texts in self._reasoning_texts.items()
        ]
        encoded = encode_reasoning(reasoning)
        return [self._chunk({"reasoning_opaque": encoded})] if encoded else []

    def _empty_arguments(self) -> list[Frame]:
        """Give a call without arguments an empty object."""
        if self._call_without_arguments is None:
            return []
        call, self._call_without_arguments = (
            {"index": self._call_without_arguments, "function": {"arguments": "{}"}},
            None,
        )
        return [self._chunk({"tool_calls": [call]})]

    def _call(self, event: ToolCallStarted) -> list[Frame]:
        previous = self._empty_arguments()
        index = self._calls.setdefault(event.part, len(self._calls))
        self._is_custom = event.custom
        kind, field = ("custom", "input") if event.custom else ("function", "arguments")
        call = {"index": index, "id": event.id, "type": kind, kind: {"name": event.name, field: ""}}
        self._call_without_arguments = None if event.custom else index
        return [*previous, self._chunk({"tool_calls": [call]})]

    def _arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        self._call_without_arguments = None
        fragment = (
            {"custom": {"input": event.json}} if self._is_custom else {"function": {"arguments": event.json}}
        )
        return [self._chunk({"tool_calls": [{"index": self._calls[event.part], **fragment}]})]

    def _server_call(self, _event: ServerToolCall) -> list[Frame]:
        """Write nothing: chat has no event for a search."""
        return []

    def _server_result(self, event: ServerToolResult) -> list[Frame]:
        """Keep a result for the end, among what clients carry."""
        self._reasoning_texts.setdefault(event.part, [])
        self._signatures[event.part] = {CARRIED: event.text}
        return []

    def _citation(self, event: Citation) -> list[Frame]:
        """Write a citation, whose position counts through all texts of the response."""
        before = sum(length for part, length in self._lengths.items() if part < event.part)
        span = {"start_index": before + event.start, "end_index": before + event.end}
        cited = {**span, "url": event.source.url, "title": event.source.title}
        return [self._chunk({"annotations": [{"type": "url_citation", "url_citation": cited}]})]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        closing = self._chunk({}, FINISH_REASON_MAP[event.reason])
        out = [*self._empty_arguments(), *self._all_signatures(), closing]
        if self._wants_usage and event.usage != TokenUsage():  # a usage of 0 tokens is unknown
            out.append(("", self._head | {"choices": [], "usage": chat_usage(event.usage)}))
        return out

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> Frame:
        return "", {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
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
