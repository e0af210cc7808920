"""Newline-delimited JSON: a line for each frame.

Source: https://github.com/ndjson/ndjson-spec
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from copilot_bridge.dialects.codec import write
from copilot_bridge.dialects.framing.frames import Frame


class NewlineDelimitedJson(Struct, frozen=True):
    """A framing whose frames have no names.  Readers parse every line, so an empty one would be an error."""

    media_type: ClassVar[str] = "application/x-ndjson"
    keepalive: ClassVar[bytes] = b" "  # JSON may begin with white space
    end: ClassVar[bytes] = b""

    def encode(self, frames: Sequence[Frame]) -> bytes:
        return b"".join([write(payload) + b"\n" for _name, payload in frames])

    def comment(self, _block: bytes) -> bytes:
        return self.keepalive
