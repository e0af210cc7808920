"""The framings of Google's streams: server-sent events, or the elements of one JSON array.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Sequence
from typing import ClassVar

from copilot_bridge.dialects.codec import write
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.framing.sse import ServerSentEvents


class GeminiEvents(ServerSentEvents, frozen=True):
    """Server-sent events without comments, in which Google's SDK for Python looks for JSON."""

    def comment(self, _block: bytes) -> bytes:
        return self.keepalive


FRAMING = GeminiEvents(keepalive=b"\n\n")


class JsonArray:
    """The framing of one stream as a JSON array, which grows by an element for each frame.

    It ends after an error, too.
    """

    media_type: ClassVar[str] = "application/json"
    keepalive: ClassVar[bytes] = b"\n"
    end: ClassVar[bytes] = b"]"

    def __init__(self) -> None:
        self._is_empty = True

    def encode(self, frames: Sequence[Frame]) -> bytes:
        return b"".join([self._element(payload) for _name, payload in frames])

    def _element(self, payload: dict[str, object]) -> bytes:
        before = b"[" if self._is_empty else b",\r\n"
        self._is_empty = False
        return before + write(payload) + (self.end if "error" in payload else b"")

    def comment(self, _block: bytes) -> bytes:
        return self.keepalive
