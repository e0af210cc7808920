"""Frames, which writers yield and framings encode."""

from collections.abc import Sequence
from typing import Protocol

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Event
from copilot_bridge.errors import BridgeError

Frame = tuple[str, JsonObject]
"""(the event's name, or "" if the dialect has no names; its payload)."""


class Framing(Protocol):
    """A way to encode a response's frames.

    :param media_type: of the whole response.  :param keepalive: bytes that clients ignore.
    :param end: what follows the last frame of a complete response.
    """

    @property
    def media_type(self) -> str: ...
    @property
    def keepalive(self) -> bytes: ...
    @property
    def end(self) -> bytes: ...
    def encode(self, frames: Sequence[Frame]) -> bytes: ...
    def comment(self, block: bytes) -> bytes:
        """Encode a comment of upstream's stream, which only keeps the connection alive."""


class FrameWriter(Protocol):
    """Writes the hub's events as frames of the client's dialect.

    A payload may change with the next event, so it has to be encoded before.
    """

    def feed(self, event: Event) -> list[Frame]: ...
    def fail(self, error: BridgeError) -> Frame: ...
