"""Server-sent events: bytes in any cut -> whole blocks; frames -> bytes.

Source: WHATWG HTML, "Server-sent events".  Everything works on bytes: U+2028 is legal inside JSON and no
line end here, though `str.splitlines` takes it for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from copilot_bridge.dialects.codec import write
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import StreamCut

KEEPALIVE = b": keep-alive\n\n"
ERROR_NAMES = (b"event: error\n", b"event:error\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # may stand at the start of a stream


class Splitter:
    """Cuts a stream into blocks, the text between two empty lines, without looking into them.

    Raises StreamCut: a block does not come to its end within `longest` bytes, or is longer.
    """

    longest = 64 * 1024 * 1024  # the process's setting

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer that are known to hold no empty line
        self._held = b""  # a carriage return whose line feed may follow

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks that this chunk completes.  A long block in tiny chunks stays linear work."""
        if self._held or b"\r" in chunk:
            chunk = self._unify(chunk)
        buffer = self._buffer
        if not buffer and chunk.endswith(b"\n\n"):  # the usual case: whole blocks arrive
            return [block for stripped in chunk.split(b"\n\n") if (block := stripped.strip(b"\n"))]
        buffer += chunk
        if len(buffer) > self.longest:
            buffer.clear()
            raise StreamCut(f"an event of the answer is larger than {self.longest // 1024 // 1024} MB")
        end = buffer.rfind(b"\n\n", self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - 1)
            return []
        blocks = bytes(buffer[:end]).split(b"\n\n")
        del buffer[: end + 2]
        self._searched = max(0, len(buffer) - 1)
        return [block for stripped in blocks if (block := stripped.strip(b"\n"))]

    @property
    def is_empty(self) -> bool:
        return not (self._buffer or self._held)

    def would_give_back(self, chunk: bytes) -> bool:
        """The chunk's blocks, each with an empty line after it, are the chunk itself."""
        if not self.is_empty or chunk.startswith(b"\n") or not chunk.endswith(b"\n\n"):
            return False
        return b"\r" not in chunk and b"\n\n\n" not in chunk

    def _unify(self, chunk: bytes) -> bytes:
        """Both CRLF and a lone CR end a line."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        return chunk.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def rest(self) -> bytes:
        """What came after the last empty line."""
        return bytes(self._buffer).strip(b"\n")


def read_data(block: bytes) -> bytes:
    """The joined `data` lines of a block; b"" for comments and other fields alone.

    A JSON object that comes instead of events, as errors do, is taken for the data of one.
    """
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].lstrip(b" ")
    block = block.removeprefix(BYTE_ORDER_MARK)
    if block.startswith(b"{"):
        return block
    lines = (line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(lines)


def tells_error(block: bytes) -> bool:
    """By its name alone, whatever its data says."""
    return block.startswith(ERROR_NAMES)


@dataclass(frozen=True, slots=True)
class ServerSentEvents:
    """The framing of server-sent events.

    :param end: what follows the last event of a complete response.  :param keepalive: a sign of life.
    """

    media_type: ClassVar[str] = "text/event-stream"
    end: bytes = b""
    keepalive: bytes = KEEPALIVE

    def encode(self, frames: Sequence[Frame]) -> bytes:
        if len(frames) == 1:  # the usual case
            ((name, payload),) = frames
            if name:
                return b"event: %b\ndata: %b\n\n" % (name.encode("utf-8", "replace"), write(payload))
            return b"data: %b\n\n" % write(payload)
        return b"".join([self.encode([frame]) for frame in frames])

    def comment(self, block: bytes) -> bytes:
        return block + b"\n\n"
