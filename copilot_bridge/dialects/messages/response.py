"""An answer in one piece: folded from a stream's events, or mended from Copilot's own."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.messages.normalize import as_chat_usage, normalize, numbers
from copilot_bridge.dialects.messages.tool_calls import with_call_ids
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error, read_stream_error
from copilot_bridge.errors import StreamCut, UpstreamRefused

Whole = tuple[bytes, dict[str, int]]  # the answer, and its usage as chat counts


def normalize_response(
    data: bytes, *, keep: bool = False, managed: bool = True, answer_id: str = ""
) -> Whole:
    """Raises UpstreamRefused: this is no answer."""
    reply = codec.read_object(data)
    if reply is not None and is_error(reply):
        raise as_stream_error(error_in(reply))
    if reply is None or reply.get("type") != "message":
        raise UpstreamRefused("Copilot's answer is no message")
    normalized = with_call_ids(normalize(reply, keep=keep, managed=managed), answer_id)
    usage = as_chat_usage(numbers(reply.get("usage")))
    return (data if normalized == reply else codec.write(normalized)), usage


def accumulate(
    pieces: Iterable[bytes], *, keep: bool = False, managed: bool = True, answer_id: str = ""
) -> Whole:
    """The whole answer of a stream, whose bytes may be cut anywhere.

    :raises StreamCut: it has no end.
    :raises UpstreamRefused: it tells of an error.
    """
    accumulated, splitter = ResponseAccumulator(), sse.Splitter()
    for piece in chain(pieces, [b"\n\n"]):  # the last event may lack its empty line
        for block in splitter.feed(piece):
            data = sse.read_data(block)
            if sse.tells_error(block):
                raise read_stream_error(data)
            accumulated.add(codec.read_object(data) or {})
        if accumulated.done:
            told = codec.write(accumulated.message)
            return normalize_response(told, keep=keep, managed=managed, answer_id=answer_id)
    raise StreamCut("Copilot's answer broke off before its end")


class ResponseAccumulator:
    """Events in, the message they make out."""

    def __init__(self) -> None:
        self._message: JsonObject = {}
        self._blocks: dict[int, JsonObject] = {}  # by their index
        self._arguments: dict[int, str] = {}
        self.done = False

    @property
    def message(self) -> JsonObject:
        return {**self._message, "content": [self._blocks[place] for place in sorted(self._blocks)]}

    def add(self, event: JsonObject) -> None:
        if is_error(event):
            raise as_stream_error(error_in(event))
        if take := self._HANDLERS.get(str(event.get("type"))):
            take(self, event)

    def _start(self, event: JsonObject) -> None:
        self._message = members.object_in(event, "message")

    def _open(self, event: JsonObject) -> None:
        place = members.index(event.get("index"))
        place = len(self._blocks) if place is None else place
        self._blocks[place] = dict(members.object_in(event, "content_block"))

    def _of(self, event: JsonObject) -> int:
        """The block that an event is about; where it does not say so, the last one."""
        place = members.index(event.get("index"))
        place = max(self._blocks, default=None) if place is None else place
        if place is None or place not in self._blocks:
            raise members.malformed("index", "that of a block")
        return place

    def _delta(self, event: JsonObject) -> None:
        place, delta = self._of(event), members.object_in(event, "delta")
        block = self._blocks[place]
        if delta.get("type") == "input_json_delta":
            self._arguments[place] = self._arguments.get(place, "") + members.text(delta, "partial_json")
        elif delta.get("type") == "citations_delta":
            block["citations"] = [
                *members.objects_in(block, "citations"),
                members.object_in(delta, "citation"),
            ]
        else:  # text, thinking, signature: a text that is added to the one of that name
            for key, value in delta.items():
                if key != "type" and isinstance(value, str):
                    block[key] = members.text(block, key) + value

    def _close(self, event: JsonObject) -> None:
        place = self._of(event)
        if arguments := self._arguments.pop(place, ""):
            with suppress(ValueError):  # cut off by max_tokens: there is nothing to call
                self._blocks[place]["input"] = codec.read(arguments)

    def _finish(self, event: JsonObject) -> None:
        self._message |= members.object_in(event, "delta")
        before = members.optional_object(self._message, "usage")
        self._message["usage"] = before | members.optional_object(event, "usage")
        self._message |= {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}

    def _stop(self, _event: JsonObject) -> None:
        for place in list(self._arguments):  # of blocks that nobody has closed
            self._close({"index": place})
        self.done = True

    _HANDLERS: ClassVar[dict[str, Callable[[Any, JsonObject], None]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
    }
