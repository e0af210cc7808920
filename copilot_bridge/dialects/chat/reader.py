"""A Chat Completions stream -> the hub's events."""

import json
from collections.abc import Iterator

from copilot_bridge.dialects.chat.repair import Chunk, Mender, read_chunk
from copilot_bridge.dialects.events import (
    ArgumentsDelta,
    CallStarted,
    Event,
    Finished,
    Reason,
    ReasoningDelta,
    ReasoningSeal,
    Started,
    TextDelta,
    Usage,
)
from copilot_bridge.errors import StreamCut

REASONS: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}


class Reader:
    """At most one part is open.  A tool call that begins while another's arguments are not complete waits
    for its turn."""

    def __init__(self, mender: Mender) -> None:
        self._mender = mender
        self._started = False
        self._part = -1
        self._kind: object = None  # of the open part: "text", "reasoning", or a call's number
        self._arguments = ""  # of the open call, so far
        self._waiting: dict[int, list[Chunk]] = {}

    def feed(self, data: bytes) -> Iterator[Event]:
        if data.strip() == b"[DONE]":
            yield from self._finish()
            return
        chunk = read_chunk(data) if data else None
        for mended in self._mender.mend(chunk) if chunk else ():
            if not self._started:
                self._started = True
                yield Started(str(mended["id"]))
            yield from self._delta(mended["choices"][0]["delta"])

    def close(self) -> Iterator[Event]:
        if self._mender.finish_reason is None:
            raise StreamCut("Copilot's answer broke off before its end")
        yield from self._finish()

    def _delta(self, delta: Chunk) -> Iterator[Event]:
        if text := delta.get("reasoning_content"):
            yield ReasoningDelta(self._enter("reasoning"), text)
        if opaque := delta.get("reasoning_opaque"):
            yield ReasoningSeal(self._enter("reasoning"), {"chat": opaque})
            self._kind = None  # the next thought is another one
        for field in ("content", "refusal"):
            if text := delta.get(field):
                yield TextDelta(self._enter("text"), text)
        for fragment in delta.get("tool_calls") or ():
            yield from self._call(fragment)

    def _call(self, fragment: Chunk) -> Iterator[Event]:
        number = fragment["index"]
        if number != self._kind and isinstance(self._kind, int) and not is_complete(self._arguments):
            self._waiting.setdefault(number, []).append(fragment)
            return
        yield from self._add(fragment)
        if self._waiting and is_complete(self._arguments):
            yield from self._release()

    def _add(self, fragment: Chunk) -> Iterator[Event]:
        function = fragment["function"]
        if fragment["index"] != self._kind:
            part = self._enter(fragment["index"])
            self._arguments = ""
            yield CallStarted(part, str(fragment.get("id")), str(function.get("name")))
        if function["arguments"]:
            self._arguments += function["arguments"]
            yield ArgumentsDelta(self._part, function["arguments"])

    def _release(self) -> Iterator[Event]:
        for number in sorted(self._waiting):
            for fragment in self._waiting.pop(number):
                yield from self._add(fragment)
            if not is_complete(self._arguments):
                return

    def _finish(self) -> Iterator[Event]:
        while self._waiting:
            self._arguments = "{}"
            yield from self._release()
        closing = list(self._mender.end())[-1]
        if not self._started:
            yield Started(str(closing["id"]))
        reason = str(closing["choices"][0]["finish_reason"])
        yield Finished(REASONS.get(reason, "stop"), read_usage(self._mender.usage or {}))

    def _enter(self, kind: object) -> int:
        if kind != self._kind:
            self._kind = kind
            self._part += 1
        return self._part


def is_complete(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def read_usage(usage: Chunk) -> Usage:
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    cached = prompt.get("cached_tokens") or 0
    written = prompt.get("cache_creation_input_tokens") or 0
    return Usage(
        input=max(0, (usage.get("prompt_tokens") or 0) - cached - written),
        cached=cached,
        cache_written=written,
        output=usage.get("completion_tokens") or 0,
        reasoning=completion.get("reasoning_tokens") or 0,
    )
