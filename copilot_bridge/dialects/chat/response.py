"""Whole responses: accumulated from a stream's chunks, or normalized from Copilot's own.

Both take the same path, since a whole response is treated as a stream of a single chunk.
"""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ReceivedResponse, WholeResponse
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.tool_calls import ARGUMENTS_FIELD
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.members import json_text, optional_object, text
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, incomplete_response, is_error
from copilot_bridge.errors import UpstreamRefused

JOINED_FIELDS = ("content", "refusal", "reasoning_content")
JOINED_LISTS = ("annotations",)


class ChatAccumulator:
    """Joins chunks into a `chat.completion`, and normalizes them.

    It is used, too, for models that give less in one piece than in a stream (Claude: 16,000 tokens).
    """

    def __init__(self, normalizer: ChunkNormalizer) -> None:
        self._normalizer = normalizer
        self._frame: JsonObject = {}
        self._choice: JsonObject = {}
        self._message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
        self._calls: list[JsonObject] = []
        self.done = False

    def end(self) -> None:
        self.done = True

    def add(self, chunk: JsonObject) -> None:
        for normalized in self._normalizer.normalize(chunk):
            self._add_normalized(normalized)

    def result(self) -> WholeResponse:
        if not self.done and self._normalizer.finish_reason is None:
            raise incomplete_response()
        return codec.write(self._joined()), self._normalizer.usage

    def _joined(self) -> JsonObject:
        for normalized in self._normalizer.end():
            self._add_normalized(normalized)
        if self._calls:
            self._message["tool_calls"] = self._calls
        if self._message["refusal"]:  # a refusal replaces the content
            self._message["content"] = self._message["content"] or None
        choice = {**self._choice, "index": 0, "message": self._message}
        response = self._frame | {"object": "chat.completion", "choices": [{"logprobs": None} | choice]}
        return response | ({"usage": self._normalizer.usage} if self._normalizer.usage else {})

    def _add_normalized(self, chunk: JsonObject) -> None:
        choice = dict(chunk["choices"][0])
        delta = choice.pop("delta")
        self._frame |= {key: value for key, value in chunk.items() if key not in ("choices", "usage")}
        logprobs = choice.pop("logprobs", None)
        self._choice |= choice
        if logprobs:
            self._choice["logprobs"] = join_logprobs(self._choice.get("logprobs"), logprobs)
        for key, value in delta.items():
            if key == "tool_calls":
                self._add_calls(value)
            elif key in JOINED_FIELDS and value is not None:
                self._message[key] = (self._message.get(key) or "") + value
            elif key == "function_call" and isinstance(value, dict):
                before = optional_object(self._message, key)
                self._message[key] = join_pieces(before, value, "arguments")
            elif key in JOINED_LISTS and isinstance(value, list):
                self._message[key] = [*(self._message.get(key) or ()), *value]
            elif value is not None:
                self._message[key] = value

    def _add_calls(self, fragments: list[JsonObject]) -> None:
        for fragment in fragments:
            index = fragment["index"]
            if index == len(self._calls):
                call = {key: value for key, value in fragment.items() if key != "index"}
                self._calls.append(call)
                continue
            call = self._calls[index]
            for key, value in fragment.items():
                if key in ARGUMENTS_FIELD:
                    call[key] = join_pieces(call[key], value, ARGUMENTS_FIELD[key])
                elif key != "index":
                    call[key] = value


def join_pieces(start: JsonObject, fragment: JsonObject, field: str) -> JsonObject:
    """Merge a fragment into an object, and append the field that comes in pieces."""
    return start | fragment | {field: text(start, field) + json_text(fragment, field)}


def join_logprobs(start: Any, addition: Any) -> Any:
    if not isinstance(start, dict) or not isinstance(addition, dict):
        return addition
    joined = {key: [*tokens(start, key), *tokens(addition, key)] for key in start | addition}
    return {key: entries or None for key, entries in joined.items()}


def tokens(logprobs: JsonObject, key: str) -> list[Any]:
    entries = logprobs.get(key)
    return entries if isinstance(entries, list) else []


def normalize_response(received: ReceivedResponse, normalizer: ChunkNormalizer) -> WholeResponse:
    """Normalize Copilot's whole response.

    :raises UpstreamRefused: it is not a chat completion, or an error.
    """
    response = received.body
    if response is not None and is_error(response):
        raise as_stream_error(error_in(response))
    choices = response.get("choices") if response else None
    if response is None or not (choices or response.get("error")) or not isinstance(choices or [], list):
        raise UpstreamRefused("Copilot's response is not a chat completion")
    accumulator = ChatAccumulator(normalizer)
    accumulator.add({**response, "choices": as_stream_choices(choices or [])})
    accumulator.end()
    return accumulator.result()


def as_stream_choices(choices: list[Any]) -> list[JsonObject]:
    """Turn the choices of a whole response into those of a single chunk.

    Their tool calls are numbered by position, and choices that a response is split over may lack an index.
    """
    objects = [choice for choice in choices if isinstance(choice, dict)]
    return [as_stream_choice(index, dict(choice)) for index, choice in enumerate(objects)]


def as_stream_choice(index: int, choice: JsonObject) -> JsonObject:
    """Turn a choice with a message into one with a delta."""
    message = choice.pop("message", None)
    delta = dict(message) if isinstance(message, dict) else {}
    if isinstance(delta.get("tool_calls"), list):
        calls = (call for call in delta["tool_calls"] if isinstance(call, dict))
        delta["tool_calls"] = [{**call, "index": position} for position, call in enumerate(calls)]
    return {**choice, "index": index, "delta": delta}
