"""Chunked request bodies, read strictly and without waiting for what can't come any more.

RFC 9112, section 7.1.  A line that ends with a bare LF, a size that is no hexadecimal number, or one that no
body of ours may have, is an error at once: another server on the way may have read it otherwise.
"""

import re
from typing import Any

LONGEST_LINE = 8192
MOST_TRAILERS = 100

SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n")
TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*\r\n")


class Malformed(ValueError):
    """The body is not what its headers say."""


def size_of(line: bytes) -> int:
    """The size of a chunk, out of its first line with the line's end.  Raises Malformed."""
    if found := SIZE.fullmatch(line):
        return int(found[1], 16)
    raise Malformed(f"no chunk begins with {line[:40]!r}")


class ChunkedBody:
    """:param lines: a buffered binary file: `readline(most)`, `read(size)`."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self._left = 0  # of the present chunk
        self.ended = False
        self.failed = False

    def read(self, most: int | None = None) -> bytes:
        """Up to `most` bytes; fewer only at the end.  Raises Malformed, OSError."""
        pieces: list[bytes] = []
        wanted = most if most is not None and most >= 0 else 1 << 62
        try:
            while wanted and not self.ended:
                pieces.append(piece := self._piece(wanted))
                wanted -= len(piece)
        except BaseException:
            self.failed = True
            raise
        return b"".join(pieces)

    def _piece(self, most: int) -> bytes:
        if not self._left:
            self._left = size_of(self._lines.readline(LONGEST_LINE))
            if not self._left:
                self._read_trailers()
                return b""
        size = min(self._left, most)
        piece: bytes = self._lines.read(size)
        if len(piece) < size:
            raise ConnectionError("the client has left in the middle of its request")
        self._left -= size
        if not self._left and self._lines.read(2) != b"\r\n":
            raise Malformed("a chunk is longer than it says")
        return piece

    def _read_trailers(self) -> None:
        for _ in range(MOST_TRAILERS):
            line = self._lines.readline(LONGEST_LINE)
            if line == b"\r\n":
                self.ended = True
                return
            if not TRAILER.fullmatch(line):
                raise Malformed(f"no trailer is {line[:40]!r}")
        raise Malformed("it has too many trailers")
