"""Reads the body of an upstream response off the socket: all that is there, in one piece, without waiting.

http.client passes a chunked body on chunk by chunk, which costs more than everything else that the bridge
does to a streamed event.  So requests and urllib3 read the head of a response as usual; from there on this
module reads the socket itself.

`BlockingBody` is the reference: it leaves all of that to http.client and urllib3.  It also reads compressed
bodies.
"""

import ssl
from collections.abc import Callable, Generator, Mapping
from http.client import IncompleteRead
from typing import Any, Literal

import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused, UpstreamTimeout
from copilot_bridge.streaming.body_framing import BodyFraming, Chunked, Sized, UntilClose

# Larger buffers make the C library ask the kernel for memory, and give it back, at each read.
READ_SIZE = 65536
# One buffer for the reads of all streams; each read copies its bytes out at once.
READ_BUFFER = memoryview(bytearray(READ_SIZE))

COMPRESSED = ("gzip", "x-gzip", "deflate")
UNCOMPRESSED = ("", "identity")

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BlockingBody:
    """A response body whose `read_available` waits until there is something."""

    blocking: Literal[True] = True

    def __init__(self, response: requests.Response) -> None:
        self._raw: Any = response.raw
        connection = getattr(response.raw, "connection", None)
        self._socket: Any = getattr(connection, "sock", None)
        self.eof = False

    def read_available(self) -> bytes:
        """The bytes that arrive next; b"" at the end.

        :raises StreamCut, UpstreamTimeout:
        """
        try:
            data: bytes = self._raw.read1(READ_SIZE, decode_content=True)
        except (HTTPError, OSError) as error:
            raise self._error_of(error) from error
        self.eof = not data
        return data

    def _error_of(self, error: Exception) -> BridgeError:
        if isinstance(error, ReadTimeoutError):
            return UpstreamTimeout(f"no byte from Copilot for {self._socket.gettimeout():g} s")
        if isinstance(error, DecodeError):
            return StreamCut("Copilot's response is compressed, and can't be decompressed")
        cause = error.args[-1] if error.args else error
        return connection_lost() if isinstance(cause, IncompleteRead) else connection_lost(cause)

    def close(self) -> None:
        """Close the connection, unless the body was read to its end: then it is back in the pool already."""
        self._raw.close()
        self._raw.release_conn()


class SocketReader:
    """Reads a socket without waiting.

    :ivar would_block: the last read took all there was, so another read now would find nothing.  Over TLS
        only OpenSSL knows: it buffers bytes of which the socket's readiness says nothing.
    """

    def __init__(self, sock: Any) -> None:
        self._encrypted = isinstance(sock, ssl.SSLSocket)
        # gevent wraps the system's socket, which does not wait.
        self._receive_into = (sock if self._encrypted else getattr(sock, "_sock", sock)).recv_into
        self.would_block = False

    def receive(self) -> bytes | None:
        """The bytes that have arrived.  None: there are none yet.  b"": the connection has ended.

        :raises StreamCut: it was lost.
        """
        if self._encrypted:
            return self._receive_records()
        try:
            size = self._receive_into(READ_BUFFER)
        except WOULD_BLOCK:
            self.would_block = True
            return None
        except OSError as error:
            raise connection_lost(error) from error
        self.would_block = size < READ_SIZE
        return bytes(READ_BUFFER[:size])

    def _receive_records(self) -> bytes | None:
        """Read over TLS, which gives one record at a time."""
        pieces: list[bytes] = []
        room = READ_SIZE
        self.would_block = False
        while room > 0:
            try:
                data = bytes(READ_BUFFER[: self._receive_into(READ_BUFFER, room)])
            except WOULD_BLOCK:
                self.would_block = True
                break
            except OSError as error:
                if pieces:  # the next read raises it again
                    break
                raise connection_lost(error) from error
            if not data:
                return b"".join(pieces)
            pieces.append(data)
            room -= len(data)
        return b"".join(pieces) if pieces else None


class NonBlockingBody:
    """A response body whose `read_available` never waits; wait on `fileno` between two calls.

    `would_block`: see `SocketReader`.
    """

    blocking: Literal[False] = False

    def __init__(self, response: requests.Response) -> None:
        raw: Any = response.raw
        self._raw, self._original = raw, raw._original_response
        self._socket: Any = socket_of(response)
        self._reader = SocketReader(self._socket)
        self.would_block = False
        self._timeout = self._socket.gettimeout()
        self._socket.settimeout(0)
        self._framing = self._framing_of_head()
        self.eof = self._framing.eof
        self._buffered = read_buffered(self._original.fp)
        self._original.fp = self._original.fp.detach()  # its 8 kB would stay as long as the stream

    def _framing_of_head(self) -> BodyFraming:
        if self._original.chunked:
            return Chunked()
        length = self._original.length
        return UntilClose() if length is None else Sized(length)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def read_available(self) -> bytes:
        """The payload that has arrived since the last call, b"" if there is none.  Check `eof` afterwards.

        :raises StreamCut: the connection ended before the body did.
        """
        payload = b""
        while not payload and not self.eof:
            data, self._buffered = self._buffered, b""
            if not data:
                received = self._reader.receive()
                self.would_block = self._reader.would_block
                if received is None:
                    break
                data = received or self._end_of_connection()
            payload = self._framing.feed(data)
            self.eof = self._framing.eof
        return payload

    def _end_of_connection(self) -> bytes:
        if not isinstance(self._framing, UntilClose):
            raise connection_lost()
        self._framing.eof = True
        return b""

    def close(self) -> None:
        """Return the connection to the pool if the body was read to its end, else close it."""
        raw, self._raw = self._raw, None
        if raw is None:
            return
        if self.eof and not self._original.will_close:
            self._socket.settimeout(self._timeout)
            self._original.close()
        else:
            raw.close()
        raw.release_conn()


class GeneratedBody:
    """The bytes of a response that the bridge makes itself; making them may take a while.

    :param release: called at the end, even if no piece was ever read.
    """

    blocking: Literal[True] = True

    def __init__(self, pieces: Generator[bytes, None, None], release: Callable[[], None]) -> None:
        self._pieces = pieces
        self._release = release
        self.eof = False

    def read_available(self) -> bytes:
        """The bytes that come next; b"" at the end."""
        piece = next(self._pieces, b"")
        self.eof = not piece
        return piece

    def close(self) -> None:
        """Stop making them."""
        self._pieces.close()
        self._release()


Body = BlockingBody | NonBlockingBody | GeneratedBody


class DirectResponse(requests.Response):
    """A response whose body does not come by HTTP.

    :param open_body: returns the body, whose `read_available` does not wait if its argument is True.
    """

    def __init__(self, headers: Mapping[str, str], open_body: Callable[[bool], Any]) -> None:
        super().__init__()
        self.status_code = 200
        self.headers.update(headers)
        self.open_body = open_body

    def close(self) -> None:
        self.open_body(False).close()


def read_buffered(buffered: Any) -> bytes:
    """The bytes that http.client has read beyond the head; if there are none, those of the socket.

    :raises StreamCut:
    """
    try:
        return bytes(buffered.peek())
    except WOULD_BLOCK:
        return b""
    except OSError as error:
        raise connection_lost(error) from error


def socket_of(response: requests.Response) -> Any:
    """The response's socket.  None: the body is empty, or a test has replaced requests."""
    buffered = getattr(getattr(response.raw, "_original_response", None), "fp", None)
    return getattr(getattr(buffered, "raw", None), "_sock", None)


def open_body(response: requests.Response, *, fast: bool = True) -> NonBlockingBody | BlockingBody:
    """The body of a response.  The bridge asks for no compression, but a middlebox may compress all the same.

    :param fast: read without blocking, where that is possible.
    :raises UpstreamRefused, StreamCut:
    """
    if isinstance(response, DirectResponse):
        own: NonBlockingBody | BlockingBody = response.open_body(fast)
        return own
    encoding = response.headers.get("Content-Encoding", "").lower()
    if encoding not in UNCOMPRESSED + COMPRESSED:
        raise UpstreamRefused(f"the response is compressed as {encoding!r}, which the request did not accept")
    if fast and encoding in UNCOMPRESSED and socket_of(response) is not None:
        return NonBlockingBody(response)
    return BlockingBody(response)


def connection_lost(error: object = None) -> StreamCut:
    if error is None:
        return StreamCut("Copilot closed the connection in the middle of its response")
    return StreamCut(f"the connection to Copilot was lost: {getattr(error, 'strerror', None) or error}")
