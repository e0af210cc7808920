"""The hub's events -> the frames of a Chat Completions stream."""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Event,
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
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.provider_details import encode_thoughts
from copilot_bridge.errors import BridgeError

# OpenAI's models stop when they have refused.
FINISH_REASON_MAP = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "stop",
    "filtered": "content_filter",
}


class Writer:
    """:param usage: the client asked for the usage chunk.  :param created: unix seconds."""

    def __init__(self, *, answer_id: str, model: str, created: int, usage: bool) -> None:
        head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = head
        self._wants_usage = usage
        self._calls: dict[int, int] = {}  # part -> the call's index
        self._call_without_arguments: int | None = None  # the last call, as long as it has no arguments
        self._custom = False  # the last call takes free text
        self._thoughts: dict[int, list[str]] = {}  # part -> its text
        self._signatures: dict[int, dict[str, Any]] = {}  # part -> what upstream wants to see again with it

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def _text(self, event: TextDelta) -> list[Frame]:
        return [self._chunk({"content": event.text})]

    def _refusal(self, event: RefusalDelta) -> list[Frame]:
        return [self._chunk({"refusal": event.text})]

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        self._thoughts.setdefault(event.part, []).append(event.text)
        return [self._chunk({"reasoning_content": event.text})]

    def _seal(self, event: ReasoningSignature) -> list[Frame]:
        """It waits for the end: there is one for the whole answer."""
        self._thoughts.setdefault(event.part, [])
        self._signatures[event.part] = event.provider_details
        return []

    def _sealed(self) -> list[Frame]:
        thoughts = [("".join(told), self._signatures.get(part, {})) for part, told in self._thoughts.items()]
        sealed = encode_thoughts(thoughts)
        return [self._chunk({"reasoning_opaque": sealed})] if sealed else []

    def _closed_call(self) -> list[Frame]:
        """A call without arguments has those of an empty object."""
        if self._call_without_arguments is None:
            return []
        call, self._call_without_arguments = (
            {"index": self._call_without_arguments, "function": {"arguments": "{}"}},
            None,
        )
        return [self._chunk({"tool_calls": [call]})]

    def _call(self, event: ToolCallStarted) -> list[Frame]:
        closed = self._closed_call()
        index = self._calls.setdefault(event.part, len(self._calls))
        self._custom = event.custom
        kind, field = ("custom", "input") if event.custom else ("function", "arguments")
        call = {"index": index, "id": event.id, "type": kind, kind: {"name": event.name, field: ""}}
        self._call_without_arguments = None if event.custom else index
        return [*closed, self._chunk({"tool_calls": [call]})]

    def _arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        self._call_without_arguments = None
        told = {"custom": {"input": event.json}} if self._custom else {"function": {"arguments": event.json}}
        return [self._chunk({"tool_calls": [{"index": self._calls[event.part], **told}]})]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        closing = self._chunk({}, FINISH_REASON_MAP[event.reason])
        out = [*self._closed_call(), *self._sealed(), closing]
        if self._wants_usage and event.usage != TokenUsage():  # a usage of nothing is none
            out.append(("", self._head | {"choices": [], "usage": write_usage(event.usage)}))
        return out

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> Frame:
        return "", {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
        RefusalDelta: _refusal,
        ReasoningDelta: _reasoning,
        ReasoningSignature: _seal,
        ToolCallStarted: _call,
        ToolCallArgumentsDelta: _arguments,
        ResponseFinished: _finished,
    }


def write_usage(usage: TokenUsage) -> JsonObject:
    """What was read from a cache or written to one is counted among the prompt."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt_tokens + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
