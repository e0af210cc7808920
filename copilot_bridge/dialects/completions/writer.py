"""Conversion of the hub's events into the frames of a Completions stream."""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.writer import FINISH_REASON_MAP
from copilot_bridge.dialects.chat_usage import chat_usage
from copilot_bridge.dialects.events import (
    Event,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
)
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError


class CompletionsWriter:
    """Writes a stream with one choice.  Reasoning has no place in it.

    :param created: in Unix seconds.
    :param usage: whether the client wants the usage chunk.
    :param echo: the prompt, if the client wants it before the text.
    """

    def __init__(self, *, response_id: str, model: str, created: int, usage: bool, echo: str = "") -> None:
        self._head = {"id": response_id, "object": "text_completion", "created": created, "model": model}
        self._wants_usage = usage
        self._echo = echo

    def feed(self, event: Event) -> list[Frame]:
        handler = self._HANDLERS.get(type(event))
        return handler(self, event) if handler else []

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        return [self._chunk(self._echo)] if self._echo else []

    def _text(self, event: TextDelta | RefusalDelta) -> list[Frame]:
        return [self._chunk(event.text)]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        frames = [self._chunk("", FINISH_REASON_MAP[event.reason])]
        if self._wants_usage and event.usage != TokenUsage():  # a usage of 0 tokens is unknown
            frames.append(("", self._head | {"choices": [], "usage": chat_usage(event.usage)}))
        return frames

    def _chunk(self, text: str, reason: str | None = None) -> Frame:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return "", {**self._head, "choices": [choice]}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
        RefusalDelta: _text,
        ResponseFinished: _finished,
    }
