"""Server-sent events: a splitter of streams into blocks, and the framing of writers' frames.

Source: WHATWG HTML, "Server-sent events".  Everything works on bytes: U+2028 is legal inside JSON and does
not end a line, though `str.splitlines` would split there.
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from copilot_bridge.dialects.codec import write
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import StreamCut

KEEPALIVE = b": keep-alive\n\n"
ERROR_NAMES = (b"event: error\n", b"event:error\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # may be at the start of a stream


class Splitter:
    """Splits a stream into blocks, the text between two empty lines, without looking into them.

    It raises StreamCut if a block has more than `max_block_size` bytes.
    """

    max_block_size = 64 * 1024 * 1024  # set once per process

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # leading bytes of the buffer without an empty line
        self._held = b""  # a carriage return whose line feed may follow

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the blocks that a chunk completes.

        The work is linear even for a long block in tiny chunks.
        """
        if self._held or b"\r" in chunk:
            chunk = self._unify(chunk)
        buffer = self._buffer
        if not buffer and chunk.endswith(b"\n\n"):  # the usual case: whole blocks arrive
            return [block for stripped in chunk.split(b"\n\n") if (block := stripped.strip(b"\n"))]
        buffer += chunk
        if len(buffer) > self.max_block_size:
            buffer.clear()
            raise StreamCut(
                f"an event of the response is larger than {self.max_block_size // 1024 // 1024} MB"
            )
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
        """Return whether the chunk's blocks, each followed by an empty line, are the chunk itself."""
        if not self.is_empty or chunk.startswith(b"\n") or not chunk.endswith(b"\n\n"):
            return False
        return b"\r" not in chunk and b"\n\n\n" not in chunk

    def _unify(self, chunk: bytes) -> bytes:
        """Replace CRLF and lone CR by LF, since each of them ends a line."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        return chunk.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def rest(self) -> bytes:
        """Return what came after the last empty line."""
        return bytes(self._buffer).strip(b"\n")


def read_data(block: bytes) -> bytes:
    """Return the joined `data` lines of a block; b"" if it has none.

    A JSON object instead of events, as some errors are, counts as the data of an event.
    """
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].lstrip(b" ")
    block = block.removeprefix(BYTE_ORDER_MARK)
    if block.startswith(b"{"):
        return block
    lines = (line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(lines)


def tells_error(block: bytes) -> bool:
    """Return whether a block is an error by its event name, whatever its data is."""
    return block.startswith(ERROR_NAMES)


class ServerSentEvents(Struct, frozen=True):
    """The framing of server-sent events.

    :param end: what follows the last event of a complete response.
    :param keepalive: bytes that clients ignore.
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
