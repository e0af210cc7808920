"""An answer in one piece: folded from a stream's chunks, or mended from Copilot's own.

Both are one code path: a whole answer is taken for a stream of a single chunk.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.normalize import KINDS, ChunkNormalizer
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.members import json_text, optional_object, text
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error, read_stream_error
from copilot_bridge.errors import StreamCut, UpstreamRefused

JOINED = ("content", "refusal", "reasoning_content")


class ResponseAccumulator:
    """Mended chunks in, one `chat.completion` out."""

    def __init__(self, normalizer: ChunkNormalizer) -> None:
        self._normalizer = normalizer
        self._frame: JsonObject = {}
        self._choice: JsonObject = {}
        self._message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
        self._calls: list[JsonObject] = []

    def add(self, chunk: JsonObject) -> None:
        for normalized in self._normalizer.normalize(chunk):
            self._take(normalized)

    def result(self) -> JsonObject:
        for normalized in self._normalizer.end():
            self._take(normalized)
        if self._calls:
            self._message["tool_calls"] = self._calls
        if self._message["refusal"]:  # said in place of a content
            self._message["content"] = self._message["content"] or None
        choice = {**self._choice, "index": 0, "message": self._message}
        reply = self._frame | {"object": "chat.completion", "choices": [{"logprobs": None} | choice]}
        return reply | ({"usage": self._normalizer.usage} if self._normalizer.usage else {})

    def _take(self, chunk: JsonObject) -> None:
        choice = dict(chunk["choices"][0])
        delta = choice.pop("delta")
        self._frame |= {key: value for key, value in chunk.items() if key not in ("choices", "usage")}
        logprobs = choice.pop("logprobs", None)
        self._choice |= choice
        if logprobs:
            self._choice["logprobs"] = join_logprobs(self._choice.get("logprobs"), logprobs)
        for key, value in delta.items():
            if key == "tool_calls":
                self._take_calls(value)
            elif key in JOINED and value is not None:
                self._message[key] = (self._message.get(key) or "") + value
            elif key == "function_call" and isinstance(value, dict):
                before = optional_object(self._message, key)
                self._message[key] = join_pieces(before, value, "arguments")
            elif value is not None:
                self._message[key] = value

    def _take_calls(self, fragments: list[JsonObject]) -> None:
        for fragment in fragments:
            number = fragment["index"]
            if number == len(self._calls):
                opening = {key: value for key, value in fragment.items() if key != "index"}
                self._calls.append(opening)
                continue
            call = self._calls[number]
            for key, value in fragment.items():
                if key in KINDS:
                    call[key] = join_pieces(call[key], value, KINDS[key])
                elif key != "index":
                    call[key] = value


def join_pieces(before: JsonObject, more: JsonObject, field: str) -> JsonObject:
    """`field`: the one that comes in pieces."""
    return before | more | {field: text(before, field) + json_text(more, field)}


def join_logprobs(before: Any, more: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(more, dict):
        return more
    joined = {key: [*tokens(before, key), *tokens(more, key)] for key in before | more}
    return {key: each or None for key, each in joined.items()}


def tokens(logprobs: JsonObject, key: str) -> list[Any]:
    given = logprobs.get(key)
    return given if isinstance(given, list) else []


def accumulate(pieces: Iterable[bytes], normalizer: ChunkNormalizer) -> bytes:
    """The whole answer of a stream, whose bytes may be cut anywhere.  For models that say less in one
    piece than in a stream (Claude: 16,000 tokens).  Raises StreamCut: the answer has no end.
    """
    accumulated, splitter = ResponseAccumulator(normalizer), sse.Splitter()
    for block in chain(chain.from_iterable(map(splitter.feed, pieces)), last(splitter)):
        data = sse.read_data(block)
        if data.strip() == b"[DONE]":
            return codec.write(accumulated.result())
        if sse.tells_error(block):
            raise read_stream_error(data)
        if data and (chunk := codec.read_object(data)):
            accumulated.add(chunk)
    if normalizer.finish_reason is None:
        raise StreamCut("Copilot's answer broke off before its end")
    return codec.write(accumulated.result())


def last(splitter: sse.Splitter) -> Iterator[bytes]:
    """What is left over, which is known only when everything else has been read."""
    yield splitter.rest()


def normalize_response(data: bytes, normalizer: ChunkNormalizer) -> bytes:
    """Copilot's answer in one piece -> OpenAI's.  Raises UpstreamRefused: this is no answer."""
    reply = codec.read_object(data)
    if reply is not None and is_error(reply):
        raise as_stream_error(error_in(reply))
    choices = reply.get("choices") if reply else None
    if reply is None or not (choices or reply.get("error")) or not isinstance(choices or [], list):
        raise UpstreamRefused("Copilot's answer is no chat completion")
    accumulated = ResponseAccumulator(normalizer)
    accumulated.add({**reply, "choices": as_deltas(choices or [])})
    return codec.write(accumulated.result())


def as_deltas(choices: list[Any]) -> list[JsonObject]:
    """Whole messages as the only chunk of a stream.  Their tool calls are numbered by position, and
    the choices that an answer is split over may have no index."""
    given = [choice for choice in choices if isinstance(choice, dict)]
    return [as_delta(place, dict(choice)) for place, choice in enumerate(given)]


def as_delta(place: int, choice: JsonObject) -> JsonObject:
    message = choice.pop("message", None)
    delta = dict(message) if isinstance(message, dict) else {}
    if isinstance(delta.get("tool_calls"), list):
        calls = (call for call in delta["tool_calls"] if isinstance(call, dict))
        delta["tool_calls"] = [{**call, "index": number} for number, call in enumerate(calls)]
    return {**choice, "index": place, "delta": delta}
