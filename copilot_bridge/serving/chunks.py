"""Chunked request bodies, read strictly and without waiting for bytes that can't come any more.

RFC 9112, section 7.1.  A line that ends with a bare LF, a size that is not a hexadecimal number, or a size
beyond any body is an error at once: another server on the way may have parsed it differently.
"""

import re
from typing import Any

MAX_LINE_LENGTH = 8192
MAX_TRAILERS = 100

SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n")
TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*\r\n")


class MalformedBody(ValueError):
    """The body is not what its headers announce."""


def parse_chunk_size(line: bytes) -> int:
    """The size of a chunk.

    :param line: its first line, with the line's end.
    :raises MalformedBody:
    """
    if found := SIZE.fullmatch(line):
        return int(found[1], 16)
    raise MalformedBody(f"no chunk begins with {line[:40]!r}")


class ChunkedBody:
    """A chunked request body as a file.

    :param file: a buffered binary file: `readline(size)`, `read(size)`.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._remaining = 0  # bytes of the current chunk
        self.eof = False
        self.failed = False

    def read(self, size: int | None = None) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        :raises MalformedBody, OSError:
        """
        pieces: list[bytes] = []
        wanted = size if size is not None and size >= 0 else 1 << 62
        try:
            while wanted and not self.eof:
                pieces.append(piece := self._read_piece(wanted))
                wanted -= len(piece)
        except BaseException:
            self.failed = True
            raise
        return b"".join(pieces)

    def _read_piece(self, max_size: int) -> bytes:
        if not self._remaining:
            self._remaining = parse_chunk_size(self._file.readline(MAX_LINE_LENGTH))
            if not self._remaining:
                self._read_trailers()
                return b""
        size = min(self._remaining, max_size)
        piece: bytes = self._file.read(size)
        if len(piece) < size:
            raise ConnectionError("the client disconnected in the middle of its request")
        self._remaining -= size
        if not self._remaining and self._file.read(2) != b"\r\n":
            raise MalformedBody("a chunk is longer than its size")
        return piece

    def _read_trailers(self) -> None:
        for _ in range(MAX_TRAILERS):
            line = self._file.readline(MAX_LINE_LENGTH)
            if line == b"\r\n":
                self.eof = True
                return
            if not TRAILER.fullmatch(line):
                raise MalformedBody(f"{line[:40]!r} is not a trailer")
        raise MalformedBody("it has too many trailers")
