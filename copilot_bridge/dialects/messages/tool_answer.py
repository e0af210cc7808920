"""An answer that came as a tool's input, told as the text that it is.

Where a backend knows no form for an answer, it is asked for as the input of a tool that has to be called.
To whoever asked there was no such tool: its call becomes a text, and what was said beside it is left out.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Protocol

from copilot_bridge.dialects import codec, sse
from copilot_bridge.dialects.messages.repair import Event, read_event
from copilot_bridge.errors import BridgeError, UpstreamRefused

# Without an answer in the form that was asked for, these are no success that only looks like one.
UNFINISHED = ("max_tokens", "refusal", "model_context_window_exceeded", "pause_turn")


class ToolAnswer:
    """A stream's bytes in, cut anywhere; those of the stream that would have been without the tool out.

    :param name: the tool's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._splitter = sse.Splitter()
        self._held: list[Event] = []  # texts, until it is known whether they are all that is said
        self._left_out = 0  # blocks
        self._answer: int | None = None  # the number of the block that is open, as upstream counts
        self._input: Any = None  # that came with the start of the block
        self._answered = False
        self._called = False  # a tool of the client's own

    def feed(self, piece: bytes) -> bytes:
        """Raises UpstreamRefused: the answer has another form than was asked for."""
        return b"".join(map(self._block, self._splitter.feed(piece)))

    def rest(self) -> bytes:
        left = self._splitter.rest()
        return self._block(left) if left else b""

    def whole(self, data: bytes) -> bytes:
        """The same for an answer in one piece."""
        message = read_event(data)
        content = message.get("content") if message else None
        if message is None or not isinstance(content, list):
            return data
        answers = [text_of(block.get("input")) for block in content if self._is_answer(block)]
        called = any(block.get("type") == "tool_use" and not self._is_answer(block) for block in content)
        if answers:
            message["content"] = [block for block in content if block.get("type") not in ("text", "tool_use")]
            message["content"].append({"type": "text", "text": answers[0]})
            message["stop_reason"] = told_reason(message.get("stop_reason"))
        else:
            check(message.get("stop_reason"), called)
        return codec.write(message)

    def _is_answer(self, block: Any) -> bool:
        return isinstance(block, dict) and block.get("type") == "tool_use" and block.get("name") == self._name

    def _block(self, block: bytes) -> bytes:
        event = read_event(sse.read_data(block))
        take = self._ON.get(str(event.get("type"))) if event else None
        if event is None or take is None:
            return block + b"\n\n"
        return b"".join(map(write, take(self, event)))

    def _open(self, event: Event) -> Iterator[Event]:
        block = event.get("content_block")
        if isinstance(block, dict) and self._is_answer(block):
            self._left_out += len({each.get("index") for each in self._held})
            self._held = []
            self._answer, self._input, self._answered = event.get("index"), block.get("input"), True
            yield self._moved(event | {"content_block": {"type": "text", "text": ""}})
        elif isinstance(block, dict) and block.get("type") == "text":
            self._held.append(event)
        else:
            self._called |= isinstance(block, dict) and block.get("type") == "tool_use"
            yield from self._release()
            yield self._moved(event)

    def _delta(self, event: Event) -> Iterator[Event]:
        if self._is_held(event):
            self._held.append(event)
        elif event.get("index") == self._answer:
            delta = event.get("delta") or {}
            if delta.get("partial_json"):
                self._input = None
                said = {"type": "text_delta", "text": delta["partial_json"]}
                yield self._moved(event | {"delta": said})
        else:
            yield self._moved(event)

    def _close(self, event: Event) -> Iterator[Event]:
        if self._is_held(event):
            self._held.append(event)
            return
        if event.get("index") == self._answer and self._input is not None:
            said = {"type": "text_delta", "text": text_of(self._input)}
            yield self._moved({"type": "content_block_delta", "index": self._answer, "delta": said})
        yield self._moved(event)

    def _finish(self, event: Event) -> Iterator[Event]:
        delta = event.get("delta") or {}
        if self._answered:
            self._held = []
            yield event | {"delta": delta | {"stop_reason": told_reason(delta.get("stop_reason"))}}
            return
        check(delta.get("stop_reason"), self._called)
        yield from self._release()
        yield event

    def _is_held(self, event: Event) -> bool:
        return any(each.get("index") == event.get("index") for each in self._held)

    def _release(self) -> Iterator[Event]:
        held, self._held = self._held, []
        yield from map(self._moved, held)

    def _moved(self, event: Event) -> Event:
        index = event.get("index")
        return event | {"index": index - self._left_out} if isinstance(index, int) else event

    _ON: ClassVar[dict[str, Callable[[Any, Event], Iterator[Event]]]] = {
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _finish,
    }


class Reader(Protocol):
    """What makes the client's bytes of upstream's."""

    @property
    def done(self) -> bool: ...
    @property
    def failure(self) -> BridgeError | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def usage(self) -> dict[str, Any] | None: ...
    @property
    def finished(self) -> bool: ...
    def feed(self, piece: bytes) -> bytes: ...
    def close(self) -> bytes: ...
    def fail(self, error: BridgeError) -> bytes: ...


class ByTool:
    """A reader, before which the answer is taken out of its tool."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._answer = ToolAnswer(name)

    def feed(self, piece: bytes) -> bytes:
        told = self._answer.feed(piece)
        return self._reader.feed(told) if told else b""

    def close(self) -> bytes:
        left = self._answer.rest()
        return (self._reader.feed(left) if left else b"") + self._reader.close()

    def fail(self, error: BridgeError) -> bytes:
        return self._reader.fail(error)

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def failure(self) -> BridgeError | None:
        return self._reader.failure

    @property
    def outcome(self) -> str:
        return self._reader.outcome

    @property
    def stopped(self) -> bool:
        return self._reader.stopped

    @property
    def usage(self) -> dict[str, Any] | None:
        return self._reader.usage

    @property
    def finished(self) -> bool:
        return self._reader.finished


def without_tool(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """A stream's pieces, for whoever folds them."""
    answer = ToolAnswer(name)
    for piece in pieces:
        if told := answer.feed(piece):
            yield told
    yield answer.rest()


def told_reason(reason: Any) -> Any:
    return "end_turn" if reason == "tool_use" else reason


def check(reason: Any, called: bool) -> None:
    """Raises UpstreamRefused."""
    if not called and reason not in UNFINISHED:
        raise UpstreamRefused("the model has not answered in the form that was asked for")


def text_of(given: Any) -> str:
    return codec.write({} if given is None else given).decode()


def write(event: Event) -> bytes:
    return b"event: " + str(event.get("type")).encode() + b"\ndata: " + codec.write(event) + b"\n\n"
