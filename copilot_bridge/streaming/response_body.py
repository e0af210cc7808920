"""The body of a reply as it comes off the socket: all that is there, in one piece, without waiting.

http.client would hand a chunked body over chunk by chunk, which costs more than everything else that
the bridge does to a streamed event.  So the head of a reply is read by requests and urllib3 as usual;
from there on the bytes are taken from the socket itself and unframed here (RFC 9112, sections 6 and 7).

`PlainBody` is the reference: it leaves all of that to http.client and urllib3.  It also reads what is packed.
"""

import re
import ssl
from http.client import IncompleteRead
from typing import Any, Protocol

import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused, UpstreamTimeout

# Below the size from which the C library gets memory from the kernel and gives it back, each time.
AT_ONCE = 65536
# Where every read of all streams puts its bytes; they are taken out before the next one.
ROOM = memoryview(bytearray(AT_ONCE))

CHUNK_SIZE = re.compile(rb"(?:\r\n)?([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
LINE_END = b"\r\n"
LONGEST_LINE = 8192

PACKED = ("gzip", "x-gzip", "deflate")
UNPACKED = ("", "identity")

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Framing(Protocol):
    """Takes what the socket gave, returns the payload in it."""

    ended: bool

    def feed(self, data: bytes) -> bytes: ...


class Chunked:
    """Transfer-Encoding: chunked.  Input may be cut anywhere."""

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""  # the start of a size line, or of the trailer
        self._left = 0  # payload bytes of the open chunk that are still to come
        self._trailer = False

    def feed(self, data: bytes) -> bytes:
        if self._left >= len(data):  # the middle of a large chunk: the usual case of a large body
            self._left -= len(data)
            return data
        if self._rest == LINE_END and (whole := as_one_chunk(data)):  # the usual case of a stream
            return whole
        if self._rest:
            data, self._rest = self._rest + data, b""
        pieces, at = [], 0
        while not self._trailer:
            if self._left:
                pieces.append(data[at : at + self._left])
                at += self._left
                self._left = max(0, at - len(data))
                if self._left:
                    return b"".join(pieces)
                if at == len(data) - 2 and data.endswith(LINE_END):  # its end need not be looked at again
                    self._rest = LINE_END
                    return b"".join(pieces)
            size = CHUNK_SIZE.match(data, at)
            if not size:
                self._rest = self._unfinished(data[at:])
                return b"".join(pieces)
            at, self._left = size.end(), int(size[1], 16)
            self._trailer = self._left == 0
        self._end(data[at:])
        return b"".join(pieces)

    def _unfinished(self, line: bytes) -> bytes:
        if len(line) > LONGEST_LINE or b"\n" in line[2:]:
            raise StreamCut("the answer's chunks can't be made out")
        return line

    def _end(self, trailer: bytes) -> None:
        """After the last chunk: header lines that nobody asked for, and an empty line."""
        self.ended = trailer.startswith(b"\r\n") or b"\r\n\r\n" in trailer
        self._rest = b"" if self.ended else trailer[-LONGEST_LINE:]


def as_one_chunk(data: bytes) -> bytes:
    """What is in it; b"": it is something else."""
    size = CHUNK_SIZE.match(data)
    if size and len(data) == size.end() + int(size[1], 16) + len(LINE_END) and data.endswith(LINE_END):
        return data[size.end() : -2]
    return b""


class Sized:
    """Content-Length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = length == 0

    def feed(self, data: bytes) -> bytes:
        payload = data[: self._left]
        self._left -= len(payload)
        self.ended = self._left == 0
        return payload


class UntilClose:
    """No framing at all: the end of the connection is the end of the body."""

    ended = False

    def feed(self, data: bytes) -> bytes:
        return data


class PlainBody:
    """A reply's body, read as one would expect: `take` waits until there is something."""

    blocking = True

    def __init__(self, response: requests.Response) -> None:
        self._raw: Any = response.raw
        connection = getattr(response.raw, "connection", None)
        self._socket: Any = getattr(connection, "sock", None)
        self.ended = False

    def take(self) -> bytes:
        """What arrives next; b"" is the end.  Raises StreamCut, UpstreamTimeout."""
        try:
            piece: bytes = self._raw.read1(AT_ONCE, decode_content=True)
        except (HTTPError, OSError) as error:
            raise self._told(error) from error
        self.ended = not piece
        return piece

    def _told(self, error: Exception) -> BridgeError:
        if isinstance(error, ReadTimeoutError):
            return UpstreamTimeout(f"no byte from Copilot for {self._socket.gettimeout():g} s")
        if isinstance(error, DecodeError):
            return StreamCut("Copilot's answer is packed in a way that can't be unpacked")
        cause = error.args[-1] if error.args else error
        return cut_off() if isinstance(cause, IncompleteRead) else cut_off(cause)

    def close(self) -> None:
        """Hang up, unless the body was read to its end: then the connection is back in the pool already."""
        self._raw.close()
        self._raw.release_conn()


class Body:
    """A reply's body, read without blocking.  `fileno` is to be waited on between two calls of `take`.

    `drained`: the last read took all there was, so the next one would come too early.  Over TLS only
    OpenSSL knows: it holds back bytes of which the socket's readiness says nothing.
    """

    blocking = False

    def __init__(self, response: requests.Response) -> None:
        raw: Any = response.raw
        self._raw, self._original = raw, raw._original_response
        self._socket: Any = socket_of(response)
        self._secure = isinstance(self._socket, ssl.SSLSocket)
        self._timeout = self._socket.gettimeout()
        self._socket.settimeout(0)
        self._framing = self._framed()
        self.ended = self._framing.ended
        self.drained = False
        self._early = peek(self._original.fp)
        self._original.fp = self._original.fp.detach()  # 8 kB that nobody needs for as long as a stream lasts

    def _framed(self) -> Framing:
        if self._original.chunked:
            return Chunked()
        length = self._original.length
        return UntilClose() if length is None else Sized(length)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def take(self) -> bytes:
        """What has arrived since the last call, b"" if that is nothing.  Look at `ended` afterwards.

        :raises StreamCut: the connection ended before the body did.
        """
        payload = b""
        while not payload and not self.ended:
            data, self._early = self._early, b""
            if not data:
                received = self._receive()
                if received is None:
                    break
                data = received
            payload = self._framing.feed(data)
            self.ended = self._framing.ended
        return payload

    def _receive(self) -> bytes | None:
        """None: nothing there yet.  b"" is given only for a body that may end like this."""
        pieces: list[bytes] = []
        room = AT_ONCE
        self.drained = False
        while room > 0:
            try:
                data = bytes(ROOM[: self._socket.recv_into(ROOM, room)])
            except WOULD_BLOCK:
                self.drained = True
                break
            except OSError as error:
                if pieces:  # the next read will tell of it
                    break
                raise cut_off(error) from error
            if not data:
                return b"".join(pieces) or self._closed()
            pieces.append(data)
            room -= len(data)
            if not self._secure:
                self.drained = room > 0
                break
        return b"".join(pieces) if pieces else None

    def _closed(self) -> bytes:
        if not isinstance(self._framing, UntilClose):
            raise cut_off()
        self._framing.ended = True
        return b""

    def close(self) -> None:
        """Give the connection back for reuse if the body was read to its end, else hang up."""
        raw, self._raw = self._raw, None
        if raw is None:
            return
        if self.ended and not self._original.will_close:
            self._socket.settimeout(self._timeout)
            self._original.close()
        else:
            raw.close()
        raw.release_conn()


def peek(buffered: Any) -> bytes:
    """What http.client has read beyond the head.  If that is nothing, it reads.  Raises StreamCut."""
    try:
        return bytes(buffered.peek())
    except WOULD_BLOCK:
        return b""
    except OSError as error:
        raise cut_off(error) from error


def socket_of(response: requests.Response) -> Any:
    """None: there is none, because the body has no bytes, or because requests is a double in a test."""
    buffered = getattr(getattr(response.raw, "_original_response", None), "fp", None)
    return getattr(getattr(buffered, "raw", None), "_sock", None)


def open_body(response: requests.Response, *, fast: bool = True) -> Body | PlainBody:
    """We ask for no compression; a middlebox may compress all the same.

    :raises UpstreamRefused, StreamCut:
    """
    encoding = response.headers.get("Content-Encoding", "").lower()
    if encoding not in UNPACKED + PACKED:
        raise UpstreamRefused(f"the answer is compressed as {encoding!r}, which nobody asked for")
    if fast and encoding in UNPACKED and socket_of(response) is not None:
        return Body(response)
    return PlainBody(response)


def cut_off(error: object = None) -> StreamCut:
    if error is None:
        return StreamCut("Copilot closed the connection in the middle of its answer")
    return StreamCut(f"the connection to Copilot broke off: {getattr(error, 'strerror', None) or error}")
