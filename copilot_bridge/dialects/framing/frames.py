"""Frames, which writers yield, and what a framing does with them."""

from collections.abc import Sequence
from typing import Protocol

from copilot_bridge.dialects.codec import JsonObject

Frame = tuple[str, JsonObject]
"""(the event's name, "" if the dialect gives it none; its payload)."""


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
        """Encode a comment of upstream's stream, a sign of life that says nothing."""
