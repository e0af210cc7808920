"""Conversion of the hub's events into the chunks of a Gemini stream."""

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
from copilot_bridge.dialects.gemini.errors import error_frame
from copilot_bridge.dialects.gemini.grounding import Grounding
from copilot_bridge.dialects.gemini.signatures import encode_signature
from copilot_bridge.dialects.server_tools.texts import CARRIED
from copilot_bridge.errors import BridgeError

FINISH_REASON_MAP = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "refusal": "SAFETY",
    "filtered": "SAFETY",
    "paused": "STOP",
}

MALFORMED_CALL = "MALFORMED_FUNCTION_CALL"


class GeminiWriter:
    """Writes a stream.

    A call is one part of one chunk, so it is held back until its arguments are complete.

    :param thoughts: whether the client wants to see the model's reasoning.
    """

    def __init__(self, *, response_id: str, model: str, thoughts: bool) -> None:
        self._head: JsonObject = {"modelVersion": model, "responseId": response_id}
        self._shows_thoughts = thoughts
        self._call: ToolCallStarted | None = None
        self._arguments: list[str] = []
        self._malformed = ""  # the tool of a call whose arguments are no JSON object
        self._texts: dict[int, list[str]] = {}  # reasoning since the last part that is not: part -> its text
        self._details: dict[int, dict[str, Any]] = {}  # the same: part -> what upstream has to get back
        self._grounding = Grounding()

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        return []

    def _text(self, event: TextDelta | RefusalDelta) -> list[Frame]:
        parts = self._complete_call()
        self._grounding.add_text(event.part, event.text)
        return [self._chunk([*parts, self._signed({"text": event.text})])]

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        parts = self._complete_call()
        self._texts.setdefault(event.part, []).append(event.text)
        shown = [{"text": event.text, "thought": True}] if self._shows_thoughts else []
        return [self._chunk([*parts, *shown])] if parts or shown else []

    def _signature(self, event: ReasoningSignature) -> list[Frame]:
        parts = self._complete_call()
        self._texts.setdefault(event.part, [])
        self._details[event.part] = event.provider_details
        return [self._chunk(parts)] if parts else []

    def _signed(self, part: JsonObject) -> JsonObject:
        """Return a part, with the signature of the reasoning before it."""
        if not self._texts:
            return part
        entries = [("".join(texts), self._details.get(number, {})) for number, texts in self._texts.items()]
        self._texts, self._details = {}, {}
        signature = encode_signature(entries)
        return {**part, "thoughtSignature": signature} if signature else part

    def _started_call(self, event: ToolCallStarted) -> list[Frame]:
        parts = self._complete_call()
        self._call = event
        return [self._chunk(parts)] if parts else []

    def _added_arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        self._arguments.append(event.json)
        return []

    def _complete_call(self) -> list[JsonObject]:
        """Return the part of the call that has been held back; [] if there is none, or it is malformed."""
        if self._call is None:
            return []
        call, arguments = self._call, "".join(self._arguments)
        self._call, self._arguments = None, []
        read = {"input": arguments} if call.custom else codec.read_object(arguments or "{}")
        if read is None:
            self._malformed = call.name
            return []
        return [self._signed({"functionCall": {"id": call.id, "name": call.name, "args": read}})]

    def _server_call(self, event: ServerToolCall) -> list[Frame]:
        """Write what is searched for, so that the client sees it while the search runs."""
        parts = self._complete_call()
        self._grounding.add_call(event)
        return [self._chunk([*parts, {"text": ""}], self._grounding.fields())]

    def _server_result(self, event: ServerToolResult) -> list[Frame]:
        """Keep a result for the next signature, by which clients carry it."""
        self._grounding.add_result(event)
        self._texts.setdefault(event.part, [])
        self._details[event.part] = {CARRIED: event.text}
        return []

    def _citation(self, event: Citation) -> list[Frame]:
        self._grounding.add_citation(event)
        return []

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        parts = self._complete_call()
        last = self._signed({"text": ""})
        parts = parts if parts and "thoughtSignature" not in last else [*parts, last]
        end = self._end(event) | self._grounding.fields()
        return [self._chunk(parts, end, usage_of(event.usage))]

    def _end(self, event: ResponseFinished) -> JsonObject:
        """Return how the response ended.  Only a call that was cut off may be missing silently."""
        if self._malformed and event.reason in ("stop", "tool_calls"):
            message = f"the arguments of a call of {self._malformed} are not a JSON object"
            return {"finishReason": MALFORMED_CALL, "finishMessage": message}
        return {"finishReason": FINISH_REASON_MAP[event.reason]}

    def _chunk(
        self, parts: list[JsonObject], end: JsonObject | None = None, usage: JsonObject | None = None
    ) -> Frame:
        candidate = {"content": {"parts": parts, "role": "model"}, **(end or {}), "index": 0}
        return "", {"candidates": [candidate], **(usage or {}), **self._head}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
        RefusalDelta: _text,
        ReasoningDelta: _reasoning,
        ReasoningSignature: _signature,
        ToolCallStarted: _started_call,
        ToolCallArgumentsDelta: _added_arguments,
        ServerToolCall: _server_call,
        ServerToolResult: _server_result,
        Citation: _citation,
        ResponseFinished: _finished,
    }


def usage_of(usage: TokenUsage) -> JsonObject:
    """Write the token usage; {} if it is unknown.  Google counts cached tokens among the prompt."""
    if usage == TokenUsage():
        return {}
    reasoning = min(usage.reasoning, usage.output)
    counts = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.output - reasoning,
        "totalTokenCount": usage.prompt_tokens + usage.output,
    }
    details = {"cachedContentTokenCount": usage.cached, "thoughtsTokenCount": reasoning}
    return {"usageMetadata": counts | {name: count for name, count in details.items() if count}}
