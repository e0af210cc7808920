"""Correction of Copilot's Messages streams on their way to the client.

Seen on the wire, 2026: a `[DONE]` after the end, which strict SDKs fail on, and fields called `copilot_…`.
Tool calls without an id get one, and the stop reason says whether there are calls.  Everything else passes
unchanged, including events that do not exist yet.
"""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.messages.errors import error_frame
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.tool_calls import UniqueToolCallIds
from copilot_bridge.dialects.messages.usage import as_chat_usage, token_counts
from copilot_bridge.dialects.stream_errors import (
    as_stream_error,
    error_in,
    incomplete_response,
    is_error,
    read_stream_error,
)
from copilot_bridge.errors import BridgeError, UpstreamRefused

MANAGED = "context_management"

# Only events with one of these are parsed: Copilot's own fields, usage, calls, the end, and errors.
NEEDS_PARSING = (b"[DONE]", b"copilot_", b'"message_', b'"tool_use"', b"error")


class MessagesNormalizer:
    """Turns a stream of bytes, cut anywhere, into whole normalized events.

    :param keep: whether to leave Copilot's own fields in.
    :param managed: whether the client asked for `context_management`.
    :param response_id: for responses without an id.
    """

    stopped = False  # whether the bridge ended the stream; only a translated stream can be

    def __init__(self, *, keep: bool = False, managed: bool = True, response_id: str = "") -> None:
        self._keep = keep
        self._managed = managed
        self._splitter = sse.Splitter()
        self._token_counts: dict[str, int] = {}
        self._calls = UniqueToolCallIds(response_id)
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def finished(self) -> bool:
        return self.done

    @property
    def usage(self) -> JsonObject | None:
        """The token usage as chat counts it, with cached tokens among those of the prompt."""
        return as_chat_usage(self._token_counts) if self._token_counts else None

    def feed(self, piece: bytes) -> bytes:
        """Normalize a piece of the stream.

        If events come before an error in the same piece, they are returned, and the error is kept in
        `failure`.

        :raises UpstreamRefused: the stream contains an error.
        """
        if not self.done and self._splitter.would_give_back(piece) and passes_unchanged(piece):
            return piece
        blocks = self._splitter.feed(piece)
        events = b"\n\n".join([*blocks, b""])
        if not self.done and passes_unchanged(events):  # quicker than to look into each of a hundred
            return events
        out: list[bytes] = []
        try:
            for block in blocks:
                plain = not self.done and passes_unchanged(block)
                out.append(block + b"\n\n" if plain else self._normalize(block))
        except UpstreamRefused as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """Return the rest of the stream.

        :raises StreamCut: the response has no end.
        """
        if self.failure:
            raise self.failure
        out = self._normalize(self._splitter.rest())
        if not self.done:
            raise incomplete_response()
        return out

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def _normalize(self, block: bytes) -> bytes:
        data = sse.read_data(block)
        if self.done or not data or data.strip() == b"[DONE]":
            return block + b"\n\n" if block.startswith(b":") and not self.done else b""
        if sse.tells_error(block):
            raise read_stream_error(data)
        event = codec.read_object(data)
        if event is None:
            return b""
        if is_error(event):
            raise as_stream_error(error_in(event))
        self._count_tokens(event)
        normalized = self._calls.feed(normalize(event, keep=self._keep, managed=self._managed))
        if normalized == event:
            return block + b"\n\n"
        return FRAMING.encode([(str(event.get("type")), normalized)])

    def _count_tokens(self, event: JsonObject) -> None:
        started = event.get("message")
        for holder in (event, started if isinstance(started, dict) else {}):
            self._token_counts |= token_counts(holder.get("usage"))
        self.done = event.get("type") == "message_stop"


def passes_unchanged(events: bytes) -> bool:
    """Return whether nothing in these events has to be changed or counted."""
    for pattern in NEEDS_PARSING:  # noqa: SIM110 - a generator takes longer than the search
        if pattern in events:
            return False
    return True


def normalize(event: JsonObject, *, keep: bool, managed: bool) -> JsonObject:
    """Remove Copilot's own fields, and context management that the client did not ask for.

    SDKs fail on the latter.
    """
    normalized: JsonObject = event if keep else without_copilot_fields(event)
    if managed or MANAGED not in normalized:
        return normalized
    return {key: value for key, value in normalized.items() if key != MANAGED}


def without_copilot_fields(value: Any) -> Any:
    """Remove Copilot's own fields at any depth, but not in a tool call's input."""
    if isinstance(value, dict):
        return {
            key: inner if key == "input" else without_copilot_fields(inner)
            for key, inner in value.items()
            if not key.startswith("copilot_")
        }
    return [without_copilot_fields(inner) for inner in value] if isinstance(value, list) else value
