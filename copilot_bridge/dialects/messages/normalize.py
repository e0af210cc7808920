"""What Copilot adds to a Messages stream, and how it is taken out as the stream goes by.

Seen on the wire, 2026: a `[DONE]` after the end, which strict SDKs choke on, and fields called
`copilot_…`.  Calls get ids of their own where they have none, and an answer ends as what it is, with a call
or without.  Everything else passes untouched, events not invented yet included.
"""

from typing import Any

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.messages.errors import error_frame
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.tool_calls import ToolCallIds
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error, read_stream_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

MANAGED = "context_management"

# Only these need a closer look: Copilot's own fields, the usage, calls, the end, and errors.
NEEDS_PARSING = (b"[DONE]", b"copilot_", b'"message_', b'"tool_use"', b"error")


class StreamNormalizer:
    """A stream's bytes in, cut anywhere; whole mended events out.

    :param keep: leave Copilot's own fields in.
    :param managed: the client has asked for `context_management`.
    :param answer_id: for answers that carry none.
    """

    stopped = False  # from here; only a stream that is read anew is

    def __init__(self, *, keep: bool = False, managed: bool = True, answer_id: str = "") -> None:
        self._keep = keep
        self._managed = managed
        self._splitter = sse.Splitter()
        self._counted: dict[str, int] = {}
        self._calls = ToolCallIds(answer_id)
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def finished(self) -> bool:
        return self.done

    @property
    def usage(self) -> dict[str, int] | None:
        """As chat counts, where cached tokens are among those of the prompt."""
        return as_chat_usage(self._counted) if self._counted else None

    def feed(self, piece: bytes) -> bytes:
        """Raises UpstreamRefused: the stream tells of an error.

        What came before it in the same piece is given first; then the error is in `failure`.
        """
        if not self.done and self._splitter.would_give_back(piece) and passes_unchanged(piece):
            return piece
        out: list[bytes] = []
        try:
            for block in self._splitter.feed(piece):
                plain = not self.done and passes_unchanged(block)
                out.append(block + b"\n\n" if plain else self._normalize(block))
        except UpstreamRefused as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """Raises StreamCut: the answer has no end."""
        if self.failure:
            raise self.failure
        out = self._normalize(self._splitter.rest())
        if not self.done:
            raise StreamCut("Copilot's answer broke off before its end")
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
        self._note(event)
        normalized = self._calls.feed(normalize(event, keep=self._keep, managed=self._managed))
        if normalized == event:
            return block + b"\n\n"
        return FRAMING.encode([(str(event.get("type")), normalized)])

    def _note(self, event: JsonObject) -> None:
        started = event.get("message")
        for holder in (event, started if isinstance(started, dict) else {}):
            self._counted |= numbers(holder.get("usage"))
        self.done = event.get("type") == "message_stop"


def passes_unchanged(events: bytes) -> bool:
    """There is nothing in them to be mended or noted."""
    for mark in NEEDS_PARSING:  # noqa: SIM110 - a generator takes longer than the search
        if mark in events:
            return False
    return True


def normalize(told: JsonObject, *, keep: bool, managed: bool) -> JsonObject:
    """Copilot tells of managing the context, too, when nobody has asked: SDKs stumble over that."""
    normalized: JsonObject = told if keep else without_copilot_fields(told)
    if managed or MANAGED not in normalized:
        return normalized
    return {key: value for key, value in normalized.items() if key != MANAGED}


def without_copilot_fields(value: Any) -> Any:
    """Without Copilot's own fields, at any depth but inside of what the model has written."""
    if isinstance(value, dict):
        return {
            key: inner if key == "input" else without_copilot_fields(inner)
            for key, inner in value.items()
            if not key.startswith("copilot_")
        }
    return [without_copilot_fields(inner) for inner in value] if isinstance(value, list) else value


def numbers(usage: Any) -> dict[str, int]:
    given = usage.items() if isinstance(usage, dict) else ()
    return {key: members.token_count(value) for key, value in given if members.as_integer(value) is not None}


def as_chat_usage(usage: dict[str, int]) -> dict[str, int]:
    """`input_tokens` leaves out what was read from a cache or written to one."""
    inside = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    prompt, completion = sum(usage.get(key, 0) for key in inside), usage.get("output_tokens", 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion}
