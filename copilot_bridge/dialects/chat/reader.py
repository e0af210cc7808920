"""Conversion of a Chat Completions stream into the hub's events."""

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.chat.chunk_template import ChunkTemplate
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.tool_calls import ARGUMENTS_FIELD
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
from copilot_bridge.dialects.stream_errors import incomplete_response

FINISH_REASON_MAP: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "filtered",
}


# A delta's fields in the order in which they are emitted, and the part that each belongs to.
PART_OF_FIELD = {
    "reasoning_content": "reasoning",
    "reasoning_opaque": "reasoning",
    "content": "text",
    "refusal": "refusal",
}

SIGNATURE = "thought_signature"
GEMINI = "gemini"  # in the names of the models whose calls are signed

# The characters that nest JSON; an escaped character is skipped.
STRUCTURAL_CHARACTERS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class JsonDepthTracker:
    """Finds the end of a JSON object that comes in pieces.  It looks at each character once."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False  # whether the next piece begins with an escaped character
        self.complete = False

    def feed(self, piece: str) -> None:
        if not piece:
            return
        characters = STRUCTURAL_CHARACTERS.findall(piece[1:] if self._escaped else piece)
        self._escaped = characters[-1:] == ["\\"]
        for character in characters:
            if character == '"':
                self._in_string = not self._in_string
            elif character[0] != "\\" and not self._in_string:
                self._depth += 1 if character in "{[" else -1
                self.complete = self._depth <= 0


class ChatReader:
    """Reads a stream in which at most one part is open.

    Nothing marks the end of a tool call, so whatever comes before its arguments are complete is deferred.
    """

    def __init__(self, normalizer: ChunkNormalizer) -> None:
        self._normalizer = normalizer
        self._started = False
        self._template: ChunkTemplate | None = None
        self._reorder = PartReorderBuffer()
        self._part = -1
        self._kind: object = (
            None  # of the last part: "text", "refusal", "reasoning", or the number of a tool call
        )
        self._call_count = 0  # the tool calls that have begun, numbered from 0
        self._refused = False
        self._call_id = ""  # the last tool call's id
        self._custom = False  # whether the last tool call takes free text
        self._arguments_before_name: list[str] | None = (
            None  # the last tool call's arguments, until its name is known
        )
        self._arguments_depth = JsonDepthTracker()
        self._deferred_signatures: list[str] = []  # signatures that wait for the end of the text
        self._is_gemini = False
        self._held_calls: dict[int, list[JsonObject]] = {}  # number of a call -> its fragments so far

    def feed(self, data: bytes) -> Iterator[Event]:
        if data.strip() == b"[DONE]":
            yield from self._end_of_stream()
            return
        if self._template and (delta := self._template.read(data)) is not None:
            yield from self._delta(delta)
            return
        chunk = codec.read_object(data) or {}
        normalized_chunks: list[JsonObject] = []
        for normalized_chunk in self._normalizer.normalize(chunk):
            normalized_chunks.append(normalized_chunk)
            if not self._started:
                self._started = True
                self._is_gemini = GEMINI in normalized_chunk["model"]
                yield ResponseStarted(str(normalized_chunk["id"]))
            yield from self._delta(normalized_chunk["choices"][0]["delta"])
        self._template = ChunkTemplate.after(self._template, data, chunk, normalized_chunks)

    @property
    def usage(self) -> TokenUsage:
        """The token usage, as far as it is known."""
        return read_usage(self._normalizer.usage or {})

    def close(self) -> Iterator[Event]:
        if self._normalizer.finish_reason is None:
            raise incomplete_response()
        yield from self._end_of_stream()

    def _delta(self, delta: JsonObject) -> Iterator[Event]:
        for field, part in PART_OF_FIELD.items():
            if (value := delta.get(field)) and not self._reorder.defer(part, (field, value)):
                yield from self._emit([(field, value)])
        for fragment in delta.get("tool_calls") or ():
            if self._hold(fragment):
                continue
            if self._held_calls:
                yield from self._release_calls()
            if not self._reorder.defer(fragment["index"], ("tool_calls", fragment)):
                yield from self._emit([("tool_calls", fragment)])

    def _hold(self, fragment: JsonObject) -> bool:
        """Hold a call that may be signed later, and return whether it is held.

        A client gets a signature before its call.  So Gemini's calls wait for the end of the response, and so
        does a call that comes whole, since there is nothing more of it to stream.
        """
        number = fragment["index"]
        begins = "id" in fragment and (self._is_gemini or is_whole(fragment))
        if begins or number in self._held_calls:
            self._held_calls.setdefault(number, []).append(fragment)
            return True
        return False

    def _release_calls(self) -> Iterator[Event]:
        """Emit the calls that were held, with each call's signature in its first fragment."""
        held, self._held_calls = self._held_calls, {}
        for number, (first, *others) in held.items():
            for fragment in (signed_call(first, others), *others):
                if not self._reorder.defer(number, ("tool_calls", fragment)):
                    yield from self._emit([("tool_calls", fragment)])

    def _emit(self, fields: list[tuple[str, Any]]) -> Iterator[Event]:
        while fields:
            for field, value in fields:
                yield from self._HANDLERS[field](self, value)
            fields = self._reorder.pop_next()

    def _text(self, text: str) -> Iterator[Event]:
        yield TextDelta(self._open_part("text"), text)

    def _refusal(self, text: str) -> Iterator[Event]:
        self._refused = True
        yield RefusalDelta(self._open_part("refusal"), text)

    def _reasoning(self, text: str) -> Iterator[Event]:
        yield from self._emit_deferred_signatures()
        yield ReasoningDelta(self._open_part("reasoning"), text)

    def _signature(self, signature: str) -> Iterator[Event]:
        """Emit a signature.

        Gemini's comes with the last piece of a text and would cut the text in two, so it waits.
        """
        if self._kind == "text":
            self._deferred_signatures.append(signature)
        else:
            yield self._signature_event(signature)

    def _emit_deferred_signatures(self) -> Iterator[Event]:
        signatures, self._deferred_signatures = self._deferred_signatures, []
        for signature in signatures:
            yield self._signature_event(signature)

    def _signature_event(self, signature: str) -> Event:
        event = ReasoningSignature(self._open_part("reasoning"), {"chat": signature})
        self._kind = None  # the next piece of reasoning starts another part
        return event

    def _call(self, fragment: JsonObject) -> Iterator[Event]:
        number = fragment["index"]
        kind = "custom" if "custom" in fragment else "function"
        call = fragment[kind]
        if number != self._kind:
            if number < self._call_count:  # the call was complete, and another part has begun
                return
            yield from self._emit_deferred_signatures()
            if signature := signature_of(fragment, call):
                yield ReasoningSignature(self._open_part("signature"), {"google": signature})
            self._open_part(number)
            self._call_count, self._arguments_depth = number + 1, JsonDepthTracker()
            self._call_id, self._custom, self._arguments_before_name = (
                str(fragment.get("id")),
                kind == "custom",
                [],
            )
        yield from self._arguments(number, call.get("name"), call[ARGUMENTS_FIELD[kind]])

    def _arguments(self, number: int, name: Any, arguments: str) -> Iterator[Event]:
        self._arguments_depth.feed(arguments)
        if self._arguments_before_name is not None:
            self._arguments_before_name.append(arguments)
            if name:
                yield from self._emit_call_started(str(name), self._arguments_before_name)
        elif arguments:
            yield ToolCallArgumentsDelta(self._part, arguments)
        # Nothing marks the end of free text.
        is_complete = (
            self._arguments_depth.complete and self._arguments_before_name is None and not self._custom
        )
        self._reorder.open = None if is_complete else number

    def _emit_call_started(self, name: str, arguments: list[str]) -> Iterator[Event]:
        self._arguments_before_name = None
        yield ToolCallStarted(self._part, self._call_id, name, self._custom)
        if received := "".join(arguments):
            yield ToolCallArgumentsDelta(self._part, received)

    def _end_of_stream(self) -> Iterator[Event]:
        yield from self._close_part()
        while deferred := self._reorder.pop_next():
            yield from self._emit(deferred)
            yield from self._close_part()
        yield from self._release_calls()
        yield from self._close_part()
        yield from self._emit_deferred_signatures()
        closing = list(self._normalizer.end())[-1]
        if not self._started:
            yield ResponseStarted(str(closing["id"]))
        reason = FINISH_REASON_MAP.get(str(closing["choices"][0]["finish_reason"]), "stop")
        if self._refused and reason == "stop":  # OpenAI's models give "stop" when they have refused
            reason = "refusal"
        yield ResponseFinished(reason, self.usage)

    def _close_part(self) -> Iterator[Event]:
        """Close the open part, even a tool call that was cut off."""
        if self._arguments_before_name is not None:
            yield from self._emit_call_started("", self._arguments_before_name)
        self._reorder.open = None

    def _open_part(self, kind: object) -> int:
        """Return the number of the open part, after opening a new one if the kind differs."""
        if kind != self._kind:
            self._kind = kind
            self._part += 1
        return self._part

    _HANDLERS: ClassVar[dict[str, Callable[[Any, Any], Iterator[Event]]]] = {
        "reasoning_content": _reasoning,
        "reasoning_opaque": _signature,
        "content": _text,
        "refusal": _refusal,
        "tool_calls": _call,
    }


def signature_of(fragment: JsonObject, call: JsonObject) -> JsonObject:
    """Return Gemini's signature of a tool call, at the location where the call has it; {} if it has none."""
    extra = fragment.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if isinstance(google, dict) and isinstance(google.get(SIGNATURE), str):
        return {"extra_content": {"google": {SIGNATURE: google[SIGNATURE]}}}
    return {SIGNATURE: call[SIGNATURE]} if isinstance(call.get(SIGNATURE), str) else {}


def signed_call(first: JsonObject, others: list[JsonObject]) -> JsonObject:
    """Return the first fragment of a call with the call's signature, which may have come in another one."""
    signatures = [signature_of(fragment, fragment.get("function") or {}) for fragment in (first, *others)]
    signature = next(filter(None, signatures), {})
    if SIGNATURE in signature:
        return first | {"function": first["function"] | signature}
    return first | signature


def is_whole(fragment: JsonObject) -> bool:
    """Return whether a fragment has a function's name and all its arguments."""
    function = fragment.get("function") or {}
    depth = JsonDepthTracker()
    depth.feed(function.get("arguments") or "")
    return bool(function.get("name")) and depth.complete


def read_usage(usage: JsonObject) -> TokenUsage:
    prompt = members.optional_object(usage, "prompt_tokens_details")
    completion = members.optional_object(usage, "completion_tokens_details")
    cached = members.token_count(prompt.get("cached_tokens"))
    cache_written = members.token_count(
        prompt.get("cache_creation_input_tokens") or prompt.get("cache_write_tokens")
    )
    return TokenUsage(
        input=max(0, members.token_count(usage.get("prompt_tokens")) - cached - cache_written),
        cached=cached,
        cache_written=cache_written,
        output=members.token_count(usage.get("completion_tokens")),
        reasoning=members.token_count(completion.get("reasoning_tokens")),
    )
