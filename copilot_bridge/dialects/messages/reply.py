"""An answer in one piece: folded from a stream's events, or mended from Copilot's own."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from typing import Any, ClassVar

from copilot_bridge.dialects import codec, sse
from copilot_bridge.dialects.messages.repair import (
    Event,
    as_chat_usage,
    mend,
    numbers,
    read_event,
)
from copilot_bridge.dialects.told import told_error
from copilot_bridge.errors import StreamCut, UpstreamRefused

Whole = tuple[bytes, dict[str, int]]  # the answer, and its usage as chat counts


def mend_whole(data: bytes, *, keep: bool = False, managed: bool = True) -> Whole:
    """Raises UpstreamRefused: this is no answer."""
    reply = read_event(data)
    if reply is not None and reply.get("type") == "error":
        raise told_error(reply.get("error"))
    if reply is None or reply.get("type") != "message":
        raise UpstreamRefused("Copilot's answer is no message")
    mended = mend(reply, keep=keep, managed=managed)
    usage = as_chat_usage(numbers(reply.get("usage")))
    return (data if mended == reply else codec.write(mended)), usage


def fold(pieces: Iterable[bytes], *, keep: bool = False, managed: bool = True) -> Whole:
    """The whole answer of a stream, whose bytes may be cut anywhere.

    :raises StreamCut: it has no end.
    :raises UpstreamRefused: it tells of an error.
    """
    folded, splitter = Fold(), sse.Splitter()
    for piece in chain(pieces, [b"\n\n"]):  # the last event may lack its empty line
        for block in splitter.feed(piece):
            folded.add(read_event(sse.read_data(block)) or {})
        if folded.done:
            return mend_whole(codec.write(folded.message), keep=keep, managed=managed)
    raise StreamCut("Copilot's answer broke off before its end")


class Fold:
    """Events in, the message they make out."""

    def __init__(self) -> None:
        self.message: Event = {}
        self.done = False
        self._arguments: dict[int, str] = {}

    def add(self, event: Event) -> None:
        take = self._ON.get(str(event.get("type")))
        if take:
            take(self, event)

    def _start(self, event: Event) -> None:
        self.message = {**event["message"], "content": []}

    def _open(self, event: Event) -> None:
        self.message["content"].append(dict(event["content_block"]))

    def _delta(self, event: Event) -> None:
        block, delta = self.message["content"][event["index"]], event["delta"]
        if delta.get("type") == "input_json_delta":
            self._arguments[event["index"]] = self._arguments.get(event["index"], "") + delta["partial_json"]
        elif delta.get("type") == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        else:  # text, thinking, signature: a text that is added to the one of that name
            for key, value in delta.items():
                if key != "type" and isinstance(value, str):
                    block[key] = block.get(key, "") + value

    def _close(self, event: Event) -> None:
        if arguments := self._arguments.pop(event["index"], ""):
            with suppress(ValueError):  # cut off by max_tokens: there is nothing to call
                self.message["content"][event["index"]]["input"] = codec.read(arguments.encode())

    def _finish(self, event: Event) -> None:
        self.message |= event.get("delta") or {}
        self.message["usage"] = {**self.message.get("usage", {}), **(event.get("usage") or {})}
        self.message |= {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}

    def _stop(self, _event: Event) -> None:
        self.done = True

    def _fail(self, event: Event) -> None:
        raise told_error(event.get("error"))

    _ON: ClassVar[dict[str, Callable[[Any, Event], None]]] = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
        "message_stop": _stop,
        "error": _fail,
    }
