"""Recorded transcripts, and the rules of OpenAI's streams."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.normalize import ChatNormalizer

# What stands in for fields that upstream leaves out.
MODEL = "the-model-asked-for"
CREATED = 1_777_777_777

SIZES = (1, 7, 1 << 20)

Json = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    write: bool

    def check(self, expected: Path, actual: bytes) -> None:
        """An expectation that is missing fails; an empty file asks for one."""
        if self.write:
            expected.parent.mkdir(exist_ok=True, parents=True)
            expected.write_bytes(actual)
        assert expected.exists(), f"nobody has said what is expected in {expected}"
        assert actual == expected.read_bytes()


def normalizer(**options: Any) -> ChunkNormalizer:
    return ChunkNormalizer(model=MODEL, created=CREATED, **options)


def options_of(case: Path) -> Json:
    """How the operator has set the bridge up for this case."""
    given = case / "normalizer.json"
    return dict(json.loads(given.read_bytes())) if given.exists() else {}


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def cut_everywhere(data: bytes) -> Iterator[list[bytes]]:
    """The stream in pieces, each event cut in two at the same place; all together cut it at every byte."""
    events = [event + b"\n\n" for event in data.split(b"\n\n")]
    events[-1] = events[-1].removesuffix(b"\n\n")
    for place in range(1, max(map(len, events))):
        yield [piece for event in events for piece in (event[:place], event[place:]) if piece]


def normalize(data: bytes, size: int = 1 << 20, *, usage: bool = True, **options: Any) -> bytes:
    """What a client gets of a stream that arrives in pieces of this size."""
    return normalize_pieces(cut(data, size), usage=usage, **options)


def normalize_pieces(pieces: Iterable[bytes], *, usage: bool = True, **options: Any) -> bytes:
    stream = ChatNormalizer(normalizer(**options), usage=usage)
    out = b"".join(map(stream.feed, pieces))
    return out if stream.done else out + stream.close()


def data_of(stream: bytes) -> list[bytes]:
    """The data of each event, comments left out; every event has to be a whole one on one line."""
    assert stream.endswith(b"\n\n")
    blocks = [block for block in stream[:-2].split(b"\n\n") if not block.startswith(b":")]
    assert all(block.startswith(b"data: ") and b"\n" not in block for block in blocks)
    return [block.removeprefix(b"data: ") for block in blocks]


def chunks_of(stream: bytes) -> list[Json]:
    *chunks, done = data_of(stream)
    assert done == b"[DONE]"
    return [json.loads(chunk) for chunk in chunks]


def check_stream(stream: bytes, *, usage: bool) -> None:
    """https://platform.openai.com/docs/api-reference/chat-streaming"""
    assert stream.count(b"[DONE]") == 1
    chunks = chunks_of(stream)
    for chunk in chunks:
        check_frame(chunk, "chat.completion.chunk")
    assert len({chunk["id"] for chunk in chunks}) == 1, "each chunk has the same id"
    if chunks[-1]["choices"] == []:
        assert usage, "nobody asked for the usage"
        check_usage(chunks.pop()["usage"])
    for chunk in chunks:
        assert chunk.get("usage") is None
        (choice,) = chunk["choices"]
        assert choice["index"] == 0
        assert "finish_reason" in choice
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert not any("role" in delta for delta in deltas[1:])
    *others, last = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert last in ("stop", "length", "tool_calls", "content_filter", "function_call")
    assert others == [None] * len(others)
    assert deltas[-1] == {}, "the finish has a delta of its own"
    assert {} not in deltas[:-1]
    for delta in deltas:
        assert isinstance(delta.get("content"), str | None)
        assert isinstance(delta.get("refusal"), str | None)
    check_calls([call for delta in deltas for call in delta.get("tool_calls") or ()])


def check_frame(chunk: Json, kind: str) -> None:
    assert chunk["object"] == kind
    for field in ("id", "model"):
        assert isinstance(chunk[field], str)
        assert chunk[field], f"{field} is empty"
    assert isinstance(chunk["created"], int)
    assert chunk["created"] > 0


def check_usage(usage: Json) -> None:
    total = usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["total_tokens"] == total
    assert total, "a usage of nothing is none"


def check_calls(fragments: list[Json]) -> None:
    """A call is opened once, in order, and only then added to."""
    opened: list[str] = []
    for fragment in fragments:
        assert isinstance(fragment["function"]["arguments"], str)
        if fragment["index"] == len(opened):
            assert fragment["id"]
            assert fragment["type"] == "function"
            assert fragment["function"]["name"]
            opened.append(fragment["id"])
        else:
            assert 0 <= fragment["index"] < len(opened)
            assert not fragment.keys() & {"id", "type"}
            assert "name" not in fragment["function"]
    assert len(set(opened)) == len(opened)


def check_whole(response: Json) -> None:
    """https://platform.openai.com/docs/api-reference/chat/object"""
    check_frame(response, "chat.completion")
    (choice,) = response["choices"]
    message = choice["message"]
    assert choice["index"] == 0
    assert "logprobs" in choice
    assert "delta" not in choice
    assert message["role"] == "assistant"
    assert isinstance(message["content"], str | None)
    assert isinstance(message["refusal"], str | None)
    calls = message.get("tool_calls", ())
    for call in calls:
        assert call.keys() == {"id", "type", "function"}
        assert isinstance(call["function"]["arguments"], str)
        assert call["function"]["name"]
        if choice["finish_reason"] != "length":
            json.loads(call["function"]["arguments"] or "{}")
    if choice["finish_reason"] == "tool_calls":
        assert calls
    if response.get("usage") is not None:
        check_usage(response["usage"])
