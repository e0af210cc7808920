"""The paths that a response takes through the bridge, and the rules that the output keeps."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dialect_tables import READERS, accumulators, writers

from copilot_bridge.dialects.accumulation import FrameCollector, ReceivedResponse
from copilot_bridge.dialects.accumulation import accumulate as accumulate_stream
from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo
from copilot_bridge.dialects.chat import response as chat_response
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.messages import response as messages_response
from copilot_bridge.dialects.messages.normalize import MessagesNormalizer
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses import normalize as responses_normalize
from copilot_bridge.dialects.responses import response as responses_response
from copilot_bridge.dialects.translation import Translation
from copilot_bridge.errors import BridgeError

Json = dict[str, Any]


def normalizer() -> ChunkNormalizer:
    return ChunkNormalizer(model="m", created=1, response_id="chatcmpl-1")


def remember(response: Json) -> None:
    """As an exchange does it of a Responses response that is complete."""
    assert isinstance(response["id"], str)
    json.dumps(response["output"])


WRITERS = writers(lines=True, on_end=remember)
REPAIRS: dict[str, Callable[[], Any]] = {
    "chat": lambda: ChatNormalizer(normalizer(), usage=True),
    "messages": MessagesNormalizer,
    "responses": lambda: responses_normalize.ResponsesNormalizer(on_end=remember),
}
ACCUMULATORS = accumulators(lines=True)
FOLDS: dict[str, Callable[[Iterable[bytes]], bytes]] = {
    dialect: lambda pieces, make=make: accumulate_stream(pieces, make())[0]  # type: ignore[misc]
    for dialect, make in ACCUMULATORS.items()
}
WHOLE: dict[str, Callable[[bytes], Any]] = {
    "chat": lambda data: chat_response.normalize_response(ReceivedResponse.read(data), normalizer())[0],
    "messages": lambda data: messages_response.normalize_response(ReceivedResponse.read(data)),
    "responses": lambda data: responses_response.normalize_response(ReceivedResponse.read(data)),
}


@dataclass(frozen=True)
class Outcome:
    """What a client got, and the error that ended it."""

    output: bytes
    error: str | None = None


def relayed(reader: Any, pieces: list[bytes]) -> Iterator[bytes]:
    """As an exchange does it.  Raises what the stream tells, after what came before it."""
    for piece in pieces:
        yield reader.feed(piece)
        if reader.failure:
            raise reader.failure
        if reader.done:
            return
    yield reader.close()


def streamed(reader: Any, pieces: list[bytes]) -> Outcome:
    out: list[bytes] = []
    try:
        out += relayed(reader, pieces)
    except BridgeError as error:
        return Outcome(b"".join([*out, reader.fail(error)]), str(error))
    check_counts(reader.usage)
    error = None if reader.outcome == "ok" else str(reader.outcome)
    return Outcome(b"".join(out), error)


def accumulated(accumulate: Callable[[Iterable[bytes]], bytes], pieces: Iterable[bytes]) -> Outcome:
    try:
        return Outcome(accumulate(pieces))
    except BridgeError as error:
        return Outcome(b"", str(error))


def check_counts(usage: Any) -> None:
    for name in ("prompt_tokens", "completion_tokens") if usage else ():
        assert isinstance(usage.get(name) or 0, int), usage


def translation(
    upstream: str, client: str, framing: Framing | None = None, undo: Undo | None = None
) -> Translation:
    """A response in the client's own dialect is read, too, where it has stop sequences to be looked for."""
    if undo is None:
        undo = Undo(stops=("\x00never",), custom=frozenset({"now"})) if client == upstream else NO_CHANGES
    framing = framing or DIALECTS[client].framing
    return Translation(READERS[upstream](), WRITERS[client](), framing, undo, "answer")


def collected(upstream: str, client: str, pieces: list[bytes], undo: Undo | None = None) -> Outcome:
    """A translated stream as a whole response, which an exchange makes of its frames."""
    accumulator = ACCUMULATORS[client]()
    stream = translation(upstream, client, FrameCollector(accumulator), undo)
    try:
        assert not b"".join(relayed(stream, pieces))
        return Outcome(accumulator.result()[0])
    except BridgeError as error:
        return Outcome(b"", str(error))


def stream_ways(upstream: str, pieces: list[bytes]) -> Iterator[tuple[str, Outcome]]:
    """(its name, the outcome) of each way of a stream; "passed" are those that are not written anew."""
    yield "passed", streamed(REPAIRS[upstream](), pieces)
    yield "passed, folded", accumulated(FOLDS[upstream], pieces)
    for client in WRITERS:
        yield client, streamed(translation(upstream, client), pieces)
        yield f"{client}, folded", collected(upstream, client, pieces)


# The checks that a response has to pass after it was written anew, or mended.


def data_of(stream: bytes) -> list[bytes]:
    assert not stream or stream.endswith(b"\n\n")
    blocks = [block for block in stream.split(b"\n\n") if block and not block.startswith(b":")]
    return [block.partition(b"data: ")[2] for block in blocks]


def check_chat(stream: bytes) -> None:
    *chunks, last = data_of(stream)
    assert last == b"[DONE]"
    opened: set[str] = set()
    for chunk in map(json.loads, chunks):
        assert isinstance(chunk["id"], str)
        assert isinstance(chunk["model"], str)
        assert chunk["created"] == int(chunk["created"])
        for choice in chunk["choices"]:
            check_delta(choice["delta"], opened)
            assert isinstance(choice["finish_reason"], str | None)


def check_delta(delta: Json, opened: set[str]) -> None:
    for field in ("role", "content", "refusal", "reasoning_content", "reasoning_opaque"):
        assert isinstance(delta.get(field), str | None), delta
    for call in delta.get("tool_calls", ()):
        assert call["index"] == int(call["index"])
        if "id" in call:
            assert call["id"]
            assert call["id"] not in opened
            opened.add(call["id"])
        function = call.get("function") or call["custom"]
        assert isinstance(function.get("name", ""), str)
        assert isinstance(function["arguments" if "function" in call else "input"], str)


def check_messages(stream: bytes) -> None:
    first, *stream_events, delta, last = map(json.loads, data_of(stream))
    assert (first["type"], delta["type"], last["type"]) == ("message_start", "message_delta", "message_stop")
    assert all(isinstance(count, int) for count in delta["usage"].values() if not isinstance(count, dict))
    index = None
    for event in stream_events:
        if event["type"] == "content_block_start":
            assert index is None
            index = event["index"]
            check_block(event["content_block"])
        elif event["type"] == "content_block_delta":
            assert event["index"] == index
            assert all(isinstance(value, str) for value in event["delta"].values())
        else:
            assert (event["type"], event["index"]) == ("content_block_stop", index)
            index = None
    assert index is None


def check_block(block: Json) -> None:
    if block["type"] == "tool_use":
        assert block["id"]
        assert isinstance(block["name"], str)
    for field in ("text", "thinking", "signature", "data"):
        assert isinstance(block.get(field, ""), str)


def check_responses(stream: bytes) -> None:
    events = [*map(json.loads, data_of(stream))]
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    assert events[-1]["type"] in ("response.completed", "response.incomplete")
    for event in events:
        assert isinstance(event.get("delta", ""), str), event
    for item in events[-1]["response"]["output"]:
        assert item["id"]
        if "call" in item["type"]:
            assert item["call_id"]
            assert isinstance(item["name"], str)
            assert isinstance(item["input" if "custom" in item["type"] else "arguments"], str)


def check_gemini(stream: bytes) -> None:
    *before, last = map(json.loads, data_of(stream))
    for chunk in (*before, last):
        (candidate,) = chunk["candidates"]
        assert ("finishReason" in candidate) == (chunk is last)
        for part in candidate["content"]["parts"]:
            check_part(part)
    assert all(isinstance(count, int) for count in last.get("usageMetadata", {}).values())


def check_part(part: Json) -> None:
    assert len({"text", "functionCall"} & part.keys()) == 1
    assert isinstance(part.get("text", ""), str)
    assert isinstance(part.get("thoughtSignature", ""), str)
    if call := part.get("functionCall"):
        assert call["id"]
        assert isinstance(call["name"], str)
        assert isinstance(call["args"], dict)


def check_ollama(stream: bytes) -> None:
    *before, last = map(json.loads, stream.splitlines())
    assert all(line["done"] is (line is last) for line in (*before, last))
    assert isinstance(last["done_reason"], str)
    assert all(isinstance(last[name], int) for name in ("prompt_eval_count", "eval_count", "total_duration"))
    for message in (line["message"] for line in (*before, last)):
        assert isinstance(message["content"], str)
        assert isinstance(message.get("thinking", ""), str)
        for call in message.get("tool_calls", ()):
            assert call["id"]
            assert isinstance(call["function"]["name"], str)
            assert isinstance(call["function"]["arguments"], dict)


CHECKS = {
    "chat": check_chat,
    "messages": check_messages,
    "responses": check_responses,
    "gemini": check_gemini,
    "ollama": check_ollama,
}


def check(upstream: str, way: str, outcome: Outcome) -> None:
    """A body that is passed on is only promised to arrive unchanged."""
    client = upstream if way.startswith("passed") else way.partition(",")[0]
    if outcome.error is not None or (way.startswith("passed") and upstream != "chat"):
        return
    if way.endswith("folded"):
        json.loads(outcome.output)
    else:
        CHECKS[client](outcome.output)
