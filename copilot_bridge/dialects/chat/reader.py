"""A Chat Completions stream -> the hub's events."""

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.chat.normalize import KINDS, ChunkNormalizer, ChunkTemplate
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
from copilot_bridge.errors import StreamCut

FINISH_REASON_MAP: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "filtered",
}


# A delta's fields in the order in which they are told, and the part that they belong to.
PLACES = {
    "reasoning_content": "reasoning",
    "reasoning_opaque": "reasoning",
    "content": "text",
    "refusal": "refusal",
}

SIGNATURE = "thought_signature"

# What tells where a JSON text begins and ends; an escaped character counts for nothing.
STRUCTURE = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class JsonDepthTracker:
    """Whether a JSON object that comes in pieces is complete.  Each character is looked at once."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False  # the next piece begins with an escaped character
        self.complete = False

    def feed(self, piece: str) -> None:
        if not piece:
            return
        marks = STRUCTURE.findall(piece[1:] if self._escaped else piece)
        self._escaped = marks[-1:] == ["\\"]
        for mark in marks:
            if mark == '"':
                self._in_string = not self._in_string
            elif mark[0] != "\\" and not self._in_string:
                self._depth += 1 if mark in "{[" else -1
                self.complete = self._depth <= 0


class Reader:
    """At most one part is open.  Nothing says where a tool call ends, so what comes before its arguments
    are complete waits until they are.
    """

    def __init__(self, normalizer: ChunkNormalizer) -> None:
        self._normalizer = normalizer
        self._started = False
        self._template: ChunkTemplate | None = None
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._kind: object = None  # of the part told last: "text", "refusal", "reasoning", or a call's number
        self._calls = 0  # that have begun; they are numbered from 0
        self._refused = False
        self._id = ""  # of the last call
        self._custom = False  # it takes free text
        self._unnamed: list[str] | None = None  # its arguments, as long as it has no name
        self._nesting = JsonDepthTracker()
        self._deferred_signatures: list[str] = []  # seals that wait for the end of the text

    def feed(self, data: bytes) -> Iterator[Event]:
        if data.strip() == b"[DONE]":
            yield from self._finish()
            return
        if self._template and (text := self._template.read(data)) is not None:
            yield from self._delta({"content": text})
            return
        chunk = codec.read_object(data) or {}
        normalized: list[JsonObject] = []
        for each in self._normalizer.normalize(chunk):
            normalized.append(each)
            if not self._started:
                self._started = True
                yield ResponseStarted(str(each["id"]))
            yield from self._delta(each["choices"][0]["delta"])
        self._template = ChunkTemplate.from_example(data, chunk, normalized, data) or self._template

    @property
    def usage(self) -> TokenUsage:
        """As far as it has been told."""
        return read_usage(self._normalizer.usage or {})

    def close(self) -> Iterator[Event]:
        if self._normalizer.finish_reason is None:
            raise StreamCut("Copilot's answer broke off before its end")
        yield from self._finish()

    def _delta(self, delta: JsonObject) -> Iterator[Event]:
        for field, place in PLACES.items():
            if (given := delta.get(field)) and not self._reorder.defer(place, (field, given)):
                yield from self._emit([(field, given)])
        for fragment in delta.get("tool_calls") or ():
            if not self._reorder.defer(fragment["index"], ("tool_calls", fragment)):
                yield from self._emit([("tool_calls", fragment)])

    def _emit(self, told: list[tuple[str, Any]]) -> Iterator[Event]:
        while told:
            for field, given in told:
                yield from self._HANDLERS[field](self, given)
            told = self._reorder.pop_next()

    def _text(self, text: str) -> Iterator[Event]:
        yield TextDelta(self._open_part("text"), text)

    def _refusal(self, text: str) -> Iterator[Event]:
        self._refused = True
        yield RefusalDelta(self._open_part("refusal"), text)

    def _reasoning(self, text: str) -> Iterator[Event]:
        yield from self._emit_deferred_signatures()
        yield ReasoningDelta(self._open_part("reasoning"), text)

    def _seal(self, opaque: str) -> Iterator[Event]:
        """Gemini's comes with the last word of a text: it waits for the end, or would cut the text in two."""
        if self._kind == "text":
            self._deferred_signatures.append(opaque)
        else:
            yield self._sealed(opaque)

    def _emit_deferred_signatures(self) -> Iterator[Event]:
        late, self._deferred_signatures = self._deferred_signatures, []
        for opaque in late:
            yield self._sealed(opaque)

    def _sealed(self, opaque: str) -> Event:
        event = ReasoningSignature(self._open_part("reasoning"), {"chat": opaque})
        self._kind = None  # the next thought is another one
        return event

    def _call(self, fragment: JsonObject) -> Iterator[Event]:
        number = fragment["index"]
        kind = "custom" if "custom" in fragment else "function"
        told = fragment[kind]
        if number != self._kind:
            if number < self._calls:  # it was complete, and something else has begun
                return
            yield from self._emit_deferred_signatures()
            if goods := signature_of(fragment, told):
                yield ReasoningSignature(self._open_part("signature"), {"google": goods})
            self._open_part(number)
            self._calls, self._nesting = number + 1, JsonDepthTracker()
            self._id, self._custom, self._unnamed = str(fragment.get("id")), kind == "custom", []
        yield from self._arguments(number, told.get("name"), told[KINDS[kind]])

    def _arguments(self, number: int, name: Any, arguments: str) -> Iterator[Event]:
        self._nesting.feed(arguments)
        if self._unnamed is not None:
            self._unnamed.append(arguments)
            if name:
                yield from self._open(str(name), self._unnamed)
        elif arguments:
            yield ToolCallArgumentsDelta(self._part, arguments)
        # Nothing says where free text ends.
        whole = self._nesting.complete and self._unnamed is None and not self._custom
        self._reorder.open = None if whole else number

    def _open(self, name: str, arguments: list[str]) -> Iterator[Event]:
        self._unnamed = None
        yield ToolCallStarted(self._part, self._id, name, self._custom)
        if given := "".join(arguments):
            yield ToolCallArgumentsDelta(self._part, given)

    def _finish(self) -> Iterator[Event]:
        yield from self._close_part()
        while told := self._reorder.pop_next():
            yield from self._emit(told)
            yield from self._close_part()
        yield from self._emit_deferred_signatures()
        closing = list(self._normalizer.end())[-1]
        if not self._started:
            yield ResponseStarted(str(closing["id"]))
        reason = FINISH_REASON_MAP.get(str(closing["choices"][0]["finish_reason"]), "stop")
        if self._refused and reason == "stop":  # OpenAI's models stop when they have refused
            reason = "refusal"
        yield ResponseFinished(reason, self.usage)

    def _close_part(self) -> Iterator[Event]:
        """A call that was cut off ends with the answer."""
        if self._unnamed is not None:
            yield from self._open("", self._unnamed)
        self._reorder.open = None

    def _open_part(self, kind: object) -> int:
        if kind != self._kind:
            self._kind = kind
            self._part += 1
        return self._part

    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "reasoning_content": _reasoning,
        "reasoning_opaque": _seal,
        "content": _text,
        "refusal": _refusal,
        "tool_calls": _call,
    }


def signature_of(fragment: JsonObject, told: JsonObject) -> JsonObject:
    """Gemini wants to see it again with the call, where it stood; {}: it has none."""
    extra = fragment.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if isinstance(google, dict) and isinstance(google.get(SIGNATURE), str):
        return {"extra_content": {"google": {SIGNATURE: google[SIGNATURE]}}}
    return {SIGNATURE: told[SIGNATURE]} if isinstance(told.get(SIGNATURE), str) else {}


def read_usage(usage: JsonObject) -> TokenUsage:
    prompt = members.optional_object(usage, "prompt_tokens_details")
    completion = members.optional_object(usage, "completion_tokens_details")
    cached = members.token_count(prompt.get("cached_tokens"))
    written = members.token_count(
        prompt.get("cache_creation_input_tokens") or prompt.get("cache_write_tokens")
    )
    return TokenUsage(
        input=max(0, members.token_count(usage.get("prompt_tokens")) - cached - written),
        cached=cached,
        cache_written=written,
        output=members.token_count(usage.get("completion_tokens")),
        reasoning=members.token_count(completion.get("reasoning_tokens")),
    )
