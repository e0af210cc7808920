"""Faults inside a stream of chunks, as edits of the chunks; and the chunks as SSE."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any

import orjson

from copilot_bridge.simulator.directives import Asked
from copilot_bridge.simulator.wording import Chunk, Wording
from copilot_bridge.simulator.wording.azure import SAFE

DONE = b"data: [DONE]\n\n"
LOOP = " \n\t\n"

REFERENCES = {"choices": None, "copilot_references": [{"type": "simulator.note", "id": "1", "data": {}}]}
ASYNC_FILTER = {
    "choices": [
        {
            "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": 16},
            "content_filter_results": SAFE,
            "finish_reason": None,
            "index": 0,
        }
    ],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
}


def edit(chunks: list[Chunk], asked: Asked, wording: Wording) -> list[Chunk]:
    """The chunks, with the requested ones inserted after the first text."""
    for name, make in INSERTIONS.items():
        if name in asked:
            index = after_first_text(chunks)
            chunks = [*chunks[:index], make(chunks[index - 1], asked, wording), *chunks[index:]]
            if name == "error-in-stream":
                return chunks[: index + 1]
    return chunks


def after_first_text(chunks: list[Chunk]) -> int:
    """The place after the first chunk that says something; an empty response has it before its end."""
    for index, chunk in enumerate(chunks):
        if any(says_something(choice) for choice in chunk["choices"] or ()):
            return index + 1
    return max(1, len(chunks) - 1)


def says_something(choice: Mapping[str, Any]) -> bool:
    delta = choice.get("delta", {})
    return bool(delta.get("content") or delta.get("tool_calls"))


def stray(before: Chunk, _asked: Asked, wording: Wording) -> Chunk:
    return before | {"choices": [{"index": 0, "delta": dict(wording.stray)}]}


def error_event(_before: Chunk, asked: Asked, _wording: Wording) -> Chunk:
    message = "The simulator was asked to break this stream."
    return {"error": {"message": message, "code": asked.get("error-in-stream", "code") or "internal_error"}}


INSERTIONS: Mapping[str, Callable[[Chunk, Asked, Wording], Chunk]] = {
    "late-reasoning": stray,
    "null-choices": lambda _before, _asked, _wording: REFERENCES,
    "no-delta": lambda _before, _asked, _wording: ASYNC_FILTER,
    "error-in-stream": error_event,
}


def write_events(chunks: Iterable[Chunk], done: bool) -> list[bytes]:
    events = [write_event(chunk) for chunk in chunks]
    return [*events, DONE] if done else events


def write_event(chunk: Chunk) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def write_named(event: Chunk) -> bytes:
    """Writes an event with its type in a line of its own, as the newer surfaces do."""
    kind: str = event["type"]
    return b"event: " + kind.encode() + b"\n" + write_event(event)


def loop_for_ever(chunks: list[Chunk]) -> Iterator[bytes]:
    """The chunks up to the first tool arguments, which then go on with white space and never end."""
    first = next(index for index, chunk in enumerate(chunks) if arguments_in(chunk) is not None)
    last = chunks[first]
    function = arguments_in(last)
    events = write_events(chunks[: first + 1], done=False)
    assert function is not None, "the place was chosen for it"
    function["arguments"] = LOOP
    return chain(events, repeat(write_event(last)))


def arguments_in(chunk: Chunk) -> Chunk | None:
    """The `function` of a chunk that brings arguments."""
    for choice in chunk["choices"]:
        for call in choice["delta"].get("tool_calls", ()):
            if call["function"].get("arguments"):
                found: Chunk = call["function"]
                return found
    return None
