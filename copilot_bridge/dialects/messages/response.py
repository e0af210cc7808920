"""Whole responses: accumulated from a stream's events, or normalized from Copilot's own."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.accumulation import ReceivedResponse, WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.messages.normalize import normalize
from copilot_bridge.dialects.messages.tool_calls import with_call_ids
from copilot_bridge.dialects.messages.usage import as_chat_usage, token_counts
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, incomplete_response, is_error
from copilot_bridge.errors import UpstreamRefused


def normalize_response(
    received: ReceivedResponse, *, keep: bool = False, managed: bool = True, response_id: str = ""
) -> WholeResponse:
    """Normalize Copilot's whole response.

    :raises UpstreamRefused: it is not a message, or an error.
    """
    message = received.body
    if message is not None and is_error(message):
        raise as_stream_error(error_in(message))
    normalized, usage = normalize_message(message or {}, keep=keep, managed=managed, response_id=response_id)
    return (received.data if normalized == message else codec.write(normalized)), usage


def normalize_message(
    message: JsonObject, *, keep: bool, managed: bool, response_id: str
) -> tuple[JsonObject, JsonObject]:
    """Return the message as clients get it, and its token usage as chat counts it."""
    if message.get("type") != "message":
        raise UpstreamRefused("Copilot's response is not a message of the Messages API")
    normalized = with_call_ids(normalize(message, keep=keep, managed=managed), response_id)
    return normalized, as_chat_usage(token_counts(message.get("usage")))


class MessagesAccumulator:
    """Joins events into a message, and normalizes it.

    :param keep: leave Copilot's own fields in.
    :param managed: the client has asked for `context_management`.
    :param response_id: for responses that carry none.
    """

    def __init__(self, *, keep: bool = False, managed: bool = True, response_id: str = "") -> None:
        self._options = {"keep": keep, "managed": managed}
        self._response_id = response_id
        self._message: JsonObject = {}
        self._blocks: dict[int, JsonObject] = {}  # by their index
        self._arguments: dict[int, str] = {}
        self.done = False

    def end(self) -> None:
        """Ignore the end marker, which this dialect does not have."""

    def result(self) -> WholeResponse:
        if not self.done:
            raise incomplete_response()
        message = {**self._message, "content": [self._blocks[index] for index in sorted(self._blocks)]}
        normalized, usage = normalize_message(message, **self._options, response_id=self._response_id)
        return codec.write(normalized), usage

    def add(self, event: JsonObject) -> None:
        if is_error(event):
            raise as_stream_error(error_in(event))
        if handle := self._HANDLERS.get(str(event.get("type"))):
            handle(self, event)

    def _start(self, event: JsonObject) -> None:
        self._message = members.object_in(event, "message")

    def _open(self, event: JsonObject) -> None:
        index = members.index(event.get("index"))
        index = len(self._blocks) if index is None else index
        self._blocks[index] = dict(members.object_in(event, "content_block"))

    def _index_of(self, event: JsonObject) -> int:
        """Return the index of the block that an event belongs to; without one that of the last block."""
        index = members.index(event.get("index"))
        index = max(self._blocks, default=None) if index is None else index
        if index is None or index not in self._blocks:
            raise members.malformed("index", "that of a block")
        return index

    def _delta(self, event: JsonObject) -> None:
        index, delta = self._index_of(event), members.object_in(event, "delta")
        block = self._blocks[index]
        if delta.get("type") == "input_json_delta":
            self._arguments[index] = self._arguments.get(index, "") + members.text(delta, "partial_json")
        elif delta.get("type") == "citations_delta":
            block["citations"] = [
                *members.objects_in(block, "citations"),
                members.object_in(delta, "citation"),
            ]
        else:  # text, thinking, signature: appended to the field of that name
            for key, value in delta.items():
                if key != "type" and isinstance(value, str):
                    block[key] = members.text(block, key) + value

    def _close(self, event: JsonObject) -> None:
        index = self._index_of(event)
        if arguments := self._arguments.pop(index, ""):
            with suppress(ValueError):  # cut off by max_tokens, so there is nothing to call
                self._blocks[index]["input"] = codec.read(arguments)

    def _finish(self, event: JsonObject) -> None:
        self._message |= members.object_in(event, "delta")
        usage = members.optional_object(self._message, "usage")
        self._message["usage"] = usage | members.optional_object(event, "usage")
        self._message |= {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}

    def _stop(self, _event: JsonObject) -> None:
        for index in list(self._arguments):  # of blocks that were never closed
            self._close({"index": index})
        self.done = True

    _HANDLERS: ClassVar[dict[str, Callable[[Any, JsonObject], None]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
    }
