"""The messages surface: Anthropic's events with Copilot's additions.

`copilot_usage` and `context_management` on message_delta, `copilot_annotations` on a delta, a ping in the
middle; the stray [DONE] is added where the events are written.  Source: recordings of proxies.
"""

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.directives import Asked
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.model_response import THOUGHT, Call, ModelResponse, Usage, cost, words

FRAGMENT = 16  # characters of a tool call's arguments in one delta
BACKENDS = ("bdrk", "vrtx")  # requests are spread over them, and ids show which one responded

STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "refusal": "refusal",
}

Event = dict[str, Any]
Events = Iterator[Event]


class MessagesWording:
    """One message.  `give` remembers what the client has to return: a signature, and the content it signs."""

    def __init__(
        self,
        response: ModelResponse,
        row: Row,
        body: Mapping[str, Any],
        asked: Asked,
        give: Callable[[str, str], None],
    ) -> None:
        assert response.usage is not None, "no directive of this surface takes it away"
        self._response = response
        self._usage: Usage = response.usage
        self._row = row
        self._thinking = body.get("thinking") or {}
        self._asked = asked
        self._give = give
        self._backend = secrets.choice(BACKENDS)
        self._blocks = [*self._thoughts(), *self._text(), *map(self._tool_use, response.calls)]

    def whole(self) -> Event:
        content = [block | parsed(block) for block in self._blocks]
        return {
            **self._message(content),
            **self._end(),
            "context_management": {"applied_edits": []},
            "usage": self._counts(self._usage.completion_tokens),
            "copilot_usage": cost(self._row, self._usage),
        }

    def events(self) -> list[Event]:
        found = [*self._opening(), *self._middle()]
        if "error-in-stream" in self._asked:
            kind = self._asked.get("error-in-stream", "code") or "overloaded_error"
            error = {"type": kind, "message": "Overloaded"}
            return [*up_to_first_delta(found), {"type": "error", "error": error}]
        return [*found, *self._closing()]

    # blocks; arguments are still text

    def _thoughts(self) -> Events:
        if self._response.reasoning:
            shown = THOUGHT if self._shows_thinking() else ""
            yield {"type": "thinking", "thinking": shown, "signature": self._signed(shown)}
        if "redacted" in self._asked:
            yield {"type": "redacted_thinking", "data": self._signed("")}

    def _shows_thinking(self) -> bool:
        """Newer models keep their thoughts to themselves unless the request says otherwise."""
        shows = "enabled" in facts_of(self._row["id"])["thinking"]
        return shows or self._thinking.get("display") == "summarized"

    def _signed(self, content: str) -> str:
        signature = "EqQB" + base64.b64encode(secrets.token_bytes(180)).decode()
        self._give(signature, content)
        return signature

    def _text(self) -> Events:
        response = self._response
        if response.text and response.finish != "refusal":
            yield {"type": "text", "text": response.text}

    def _tool_use(self, call: Call) -> Event:
        return {
            "type": "tool_use",
            "id": f"toolu_{self._backend}_{call.id}",
            "name": call.name,
            "input": call.arguments,
        }

    # the message

    def _message(self, content: list[Event]) -> Event:
        return {
            "id": f"msg_{self._backend}_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": self._row["version"],
            "content": content,
        }

    def _end(self) -> Event:
        response = self._response
        reason = "stop_sequence" if response.stopped_by else STOP_REASONS[response.finish or "stop"]
        if response.stopped_by and response.finish == "length":
            reason = "max_tokens"
        end: Event = {
            "stop_reason": reason,
            "stop_sequence": response.stopped_by if reason == "stop_sequence" else None,
        }
        if reason == "refusal":
            end["stop_details"] = {"type": "refusal", "category": None, "explanation": response.text}
        return end

    def _counts(self, output: int) -> Event:
        usage = self._usage
        return {
            "input_tokens": usage.prompt_tokens - usage.cached_tokens - usage.written_tokens,
            "cache_creation_input_tokens": usage.written_tokens,
            "cache_read_input_tokens": usage.cached_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.written_tokens,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": output,
            "service_tier": "standard",
        }

    # events

    def _opening(self) -> Events:
        begun = {"stop_reason": None, "stop_sequence": None, "usage": self._counts(1)}
        yield {"type": "message_start", "message": self._message([]) | begun}

    def _middle(self) -> Events:
        for index, block in enumerate(self._blocks):
            indices = {"index": index}
            begun = block | {name: value for name, value in EMPTY.items() if name in block}
            yield {"type": "content_block_start", **indices, "content_block": begun}
            if index == len(self._blocks) - 1:
                yield {"type": "ping"}
            for delta in self._deltas(block):
                yield {"type": "content_block_delta", **indices, **delta}
            yield {"type": "content_block_stop", **indices}

    def _deltas(self, block: Event) -> Events:
        if block["type"] == "thinking":
            for part in words(block["thinking"]):
                yield {"delta": {"type": "thinking_delta", "thinking": part}}
            yield {"delta": {"type": "signature_delta", "signature": block["signature"]}}
        elif block["type"] == "text":
            *parts, last = self._response.fragments()
            for part in parts:
                yield {"delta": {"type": "text_delta", "text": part}}
            annotations: Event = {"copilot_annotations": {"IPCodeCitations": []}}
            yield {"delta": {"type": "text_delta", "text": last}, **annotations}
        elif block["type"] == "tool_use":
            for part in ("", *fragments(block["input"])):
                yield {"delta": {"type": "input_json_delta", "partial_json": part}}

    def _closing(self) -> Events:
        yield {
            "copilot_usage": cost(self._row, self._usage),
            "context_management": {"applied_edits": []},
            "type": "message_delta",
            "delta": self._end(),
            "usage": self._final_counts(),
        }
        yield {"type": "message_stop"}

    def _final_counts(self) -> Event:
        """Newer models say how much of the output was thought."""
        counts = self._counts(self._usage.completion_tokens)
        if self._row["capabilities"]["supports"].get("adaptive_thinking") and self._usage.reasoning_tokens:
            counts["output_tokens_details"] = {"thinking_tokens": self._usage.reasoning_tokens}
        return counts


EMPTY: Event = {"thinking": "", "signature": "", "text": "", "input": {}}


def parsed(block: Event) -> Event:
    """A tool call's input as an object; one cut short is empty."""
    if block["type"] != "tool_use":
        return {}
    try:
        return {"input": orjson.loads(block["input"])}
    except orjson.JSONDecodeError:
        return {"input": {}}


def up_to_first_delta(events: list[Event]) -> list[Event]:
    """A response without deltas ends before its last event."""
    for index, event in enumerate(events):
        if event["type"] == "content_block_delta":
            return events[: index + 1]
    return events


def fragments(arguments: str) -> list[str]:
    return [arguments[start : start + FRAGMENT] for start in range(0, len(arguments), FRAGMENT)]
