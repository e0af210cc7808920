"""Conversion of the hub's events into the frames of a Messages stream.  At most one content block is open."""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects import codec
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
from copilot_bridge.dialects.messages.errors import error_frame
from copilot_bridge.dialects.messages.server_tools import citation_of, result_block
from copilot_bridge.dialects.provider_details import encode_details
from copilot_bridge.errors import BridgeError

FINISH_REASON_MAP = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "filtered": "refusal",
    "paused": "pause_turn",
}

EMPTY_THINKING = {"type": "thinking", "thinking": "", "signature": ""}


class MessagesWriter:
    """Writes a stream."""

    def __init__(self, *, response_id: str, model: str) -> None:
        self._id = response_id
        self._model = model
        self._open: int | None = None
        self._is_custom = False  # whether the open block is a call with free text
        self._deferred_signatures: list[ReasoningSignature] = []

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        message: JsonObject = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(TokenUsage()),
        }
        return [frame_of("message_start", {"message": message})]

    def _text(self, event: TextDelta | RefusalDelta) -> list[Frame]:
        opening = self._open_part(event.part, {"type": "text", "text": ""})
        return [*opening, self._delta({"type": "text_delta", "text": event.text})]

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        opening = self._open_part(event.part, {"type": "thinking", "thinking": "", "signature": ""})
        return [*opening, self._delta({"type": "thinking_delta", "thinking": event.text})]

    def _signature_event(self, event: ReasoningSignature) -> list[Frame]:
        """Write a signature.

        A signature without reasoning text waits for the next part, since no Messages response ends in one and
        Claude Code would show nothing of it.
        """
        if event.part == self._open:
            return [self._signature_delta(event)]
        self._deferred_signatures.append(event)
        return []

    def _emit_deferred_signatures(self) -> list[Frame]:
        signatures, self._deferred_signatures = self._deferred_signatures, []
        return [frame for event in signatures for frame in self._emit_signed_block(event)]

    def _emit_signed_block(self, event: ReasoningSignature) -> list[Frame]:
        return [*self._open_part(event.part, EMPTY_THINKING), self._signature_delta(event)]

    def _signature_delta(self, event: ReasoningSignature) -> Frame:
        return self._delta(
            {"type": "signature_delta", "signature": encode_details(event.provider_details, "messages")}
        )

    def _call(self, event: ToolCallStarted) -> list[Frame]:
        """Start a tool call.  Free text becomes the only argument of an ordinary tool."""
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        out = self._open_part(event.part, block)
        self._is_custom = event.custom
        return [*out, self._json('{"input":"')] if event.custom else out

    def _arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        return [self._json(codec.write(event.json).decode()[1:-1] if self._is_custom else event.json)]

    def _json(self, piece: str) -> Frame:
        return self._delta({"type": "input_json_delta", "partial_json": piece})

    def _server_call(self, event: ServerToolCall) -> list[Frame]:
        block = {"type": "server_tool_use", "id": event.id, "name": event.tool, "input": {}}
        opening = self._open_part(event.part, block)
        return [*opening, self._json(codec.write(event.arguments).decode()), *self._close_part()]

    def _server_result(self, event: ServerToolResult) -> list[Frame]:
        return [*self._open_part(event.part, result_block(event)), *self._close_part()]

    def _citation(self, event: Citation) -> list[Frame]:
        if event.part != self._open:
            return []
        return [self._delta({"type": "citations_delta", "citation": citation_of(event.source)})]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        reason = FINISH_REASON_MAP[event.reason] if event.stop is None else "stop_sequence"
        delta = {"stop_reason": reason, "stop_sequence": event.stop}
        closing = frame_of("message_delta", {"delta": delta, "usage": write_usage(event.usage)})
        return [*self._close_part(), closing, frame_of("message_stop", {})]

    def _open_part(self, part: int, block: JsonObject) -> list[Frame]:
        if part == self._open:
            return []
        signatures = self._emit_deferred_signatures()
        closing, self._open = self._close_part(), part
        return [
            *signatures,
            *closing,
            frame_of("content_block_start", {"index": part, "content_block": block}),
        ]

    def _close_part(self) -> list[Frame]:
        if self._open is None:
            return []
        closing = [self._json('"}')] if self._is_custom else []
        part, self._open, self._is_custom = self._open, None, False
        return [*closing, frame_of("content_block_stop", {"index": part})]

    def _delta(self, delta: JsonObject) -> Frame:
        return "content_block_delta", {"type": "content_block_delta", "index": self._open, "delta": delta}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
        RefusalDelta: _text,
        ReasoningDelta: _reasoning,
        ReasoningSignature: _signature_event,
        ToolCallStarted: _call,
        ToolCallArgumentsDelta: _arguments,
        ServerToolCall: _server_call,
        ServerToolResult: _server_result,
        Citation: _citation,
        ResponseFinished: _finished,
    }


def frame_of(type_: str, fields: JsonObject) -> Frame:
    return type_, {"type": type_, **fields}


def write_usage(usage: TokenUsage) -> JsonObject:
    """Write the token usage.  Reasoning is counted among the output."""
    counts: JsonObject = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    details = {"output_tokens_details": {"thinking_tokens": usage.reasoning}}
    runs = {"web_search_requests": usage.searches, "web_fetch_requests": usage.fetches}
    return (
        counts
        | (details if usage.reasoning else {})
        | ({"server_tool_use": runs} if usage.searches or usage.fetches else {})
    )
