"""Removes the framing of a response body: chunks, a length, or none (RFC 9112, sections 6 and 7)."""

import re
from typing import Protocol

from copilot_bridge.errors import StreamCut

CHUNK_SIZE = re.compile(rb"(?:\r\n)?([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
read_chunk_size = CHUNK_SIZE.match
LINE_END = b"\r\n"
MAX_LINE_LENGTH = 8192


class BodyFraming(Protocol):
    """Takes what the socket gave, returns the payload in it.  `eof`: the body is complete."""

    eof: bool

    def feed(self, data: bytes) -> bytes: ...


class Chunked:
    """The framing of Transfer-Encoding: chunked.  Input may be cut anywhere."""

    def __init__(self) -> None:
        self.eof = False
        self._pending = b""  # the start of a size line, or of the trailer
        self._remaining = 0  # payload bytes of the current chunk that are still to come
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        if self._remaining >= len(data):  # the middle of a large chunk: the usual case of a large body
            self._remaining -= len(data)
            return data
        if self._pending == LINE_END and (payload := decode_single_chunk(data)):  # the usual case of a stream
            return payload
        if self._pending:
            data, self._pending = self._pending + data, b""
        pieces, start, end = [], 0, len(data)
        remaining, self._remaining = self._remaining, 0
        while not self._in_trailer:
            if remaining:
                stop = start + remaining
                pieces.append(data[start:stop])
                if stop > end:
                    self._remaining = stop - end
                    return b"".join(pieces)
                if stop == end - 2 and data.endswith(LINE_END):  # no need to parse its end again
                    self._pending = LINE_END
                    return b"".join(pieces)
                start = stop
            size = read_chunk_size(data, start)
            if not size:
                self._pending = self._incomplete_line(data[start:])
                return b"".join(pieces)
            start, remaining = size.end(), int(size[1], 16)
            self._in_trailer = not remaining
        self._read_trailer(data[start:])
        return b"".join(pieces)

    def _incomplete_line(self, line: bytes) -> bytes:
        if len(line) > MAX_LINE_LENGTH or b"\n" in line[2:]:
            raise StreamCut("the chunks of Copilot's response are malformed")
        return line

    def _read_trailer(self, trailer: bytes) -> None:
        """Skip the header lines after the last chunk, to the empty line that ends the body."""
        self.eof = trailer.startswith(b"\r\n") or b"\r\n\r\n" in trailer
        self._pending = b"" if self.eof else trailer[-MAX_LINE_LENGTH:]


def decode_single_chunk(data: bytes) -> bytes:
    """The payload of data that is exactly one chunk; b"": it is something else."""
    if size := read_chunk_size(data):
        start = size.end()
        if len(data) == start + int(size[1], 16) + 2 and data.endswith(LINE_END):
            return data[start:-2]
    return b""


class Sized:
    """The framing of Content-Length."""

    def __init__(self, length: int) -> None:
        self._remaining = length
        self.eof = length == 0

    def feed(self, data: bytes) -> bytes:
        payload = data[: self._remaining]
        self._remaining -= len(payload)
        self.eof = self._remaining == 0
        return payload


class UntilClose:
    """No framing: the body ends with the connection."""

    eof = False

    def feed(self, data: bytes) -> bytes:
        return data
