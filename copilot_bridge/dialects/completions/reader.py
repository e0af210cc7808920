"""Conversion of the stream of a completion model into the hub's events."""

from collections.abc import Iterator

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Event,
    Reason,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
)
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, incomplete_response, is_error

DONE = b"[DONE]"

FINISH_REASON_MAP: dict[str, Reason] = {"stop": "stop", "length": "length", "content_filter": "filtered"}


class CompletionsReader:
    """Reads the text of the first choice.

    The usage comes after the finish reason, so the end is emitted with the end marker.
    """

    def __init__(self) -> None:
        self.usage = TokenUsage()
        self._started = self._finished = False
        self._reason: Reason | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        """Read an event.

        :raises UpstreamRefused: it is an error, or can't be read.
        """
        if data.strip() == DONE:
            yield from self._finish()
        elif chunk := codec.read_object(data):
            yield from self._read(chunk)

    def close(self) -> Iterator[Event]:
        """End the stream.

        :raises StreamCut: the response has no end.
        """
        if self._reason is None:
            raise incomplete_response()
        yield from self._finish()

    def _read(self, chunk: JsonObject) -> Iterator[Event]:
        if is_error(chunk):
            raise as_stream_error(error_in(chunk))
        if usage := members.object_in(chunk, "usage"):
            self.usage = read_usage(usage)
        for choice in members.objects_in(chunk, "choices"):
            if not choice.get("index"):
                yield from self._read_choice(choice, members.text(chunk, "model"))

    def _read_choice(self, choice: JsonObject, model: str) -> Iterator[Event]:
        if not self._started:
            self._started = True
            yield ResponseStarted(model)
        if text := members.text(choice, "text"):
            yield TextDelta(0, text)
        if reason := members.text(choice, "finish_reason"):
            self._reason = FINISH_REASON_MAP.get(reason, "stop")

    def _finish(self) -> Iterator[Event]:
        """End the stream.  Raises StreamCut: it ended without a finish reason."""
        if self._finished:
            return
        if self._reason is None:
            raise incomplete_response()
        self._finished = True
        yield ResponseFinished(self._reason, self.usage)


def read_usage(usage: JsonObject) -> TokenUsage:
    return TokenUsage(
        input=members.token_count(usage.get("prompt_tokens")),
        output=members.token_count(usage.get("completion_tokens")),
    )
