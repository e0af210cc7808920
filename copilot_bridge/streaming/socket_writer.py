"""Writes the chunks of a response to the client's socket, past the server and without waiting.

A server's own way from a chunk to the socket costs about as much as everything that the bridge does to the
chunk.  The head, the end, and whatever can't be written at once still go through the server, whose writes
`HeldSocket` joins.
"""

from abc import ABC, abstractmethod
from typing import Any

import gevent.socket

# Bytes up to which pieces are joined: copying them costs less than another `send`.
MAX_JOINED = 65536


class HeldSocket:
    """Stands for the client's socket while a server writes a head and what follows it, as two pieces.

    Sent together they cost one system call and one packet.
    """

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._pieces: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self._pieces.append(data)

    def release(self) -> None:
        """Send what was held.

        :raises OSError: the client has disconnected.
        """
        pieces, self._pieces = self._pieces, []
        if sum(map(len, pieces)) <= MAX_JOINED:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            send_whole(self._socket, piece)


def send_whole(sock: Any, data: bytes) -> None:
    """Do what `sendall` does.  gevent's own asks the system for the size of the socket's buffer each time.

    :raises OSError: the client has disconnected.
    """
    if data and (sent := sock.send(data)) < len(data):
        sock.sendall(memoryview(data)[sent:])


class SocketWriter(ABC):
    """Writes one response.  In the WSGI environment it is `copilot_bridge.socket_writer`."""

    def __init__(self, sock: Any) -> None:
        self.socket = sock
        self._unencrypted = type(sock) is gevent.socket.socket  # TLS encrypts above the system's socket
        self._send = sock._sock.send  # of the system's socket, which gevent wraps: it does not wait

    @property
    def ready(self) -> bool:
        """True if the head has been sent, and announces chunks."""
        return self._unencrypted and self._chunked()

    def send(self, data: bytes) -> bytes:
        """Write a chunk without waiting; returns what the socket did not take.

        :raises OSError: the client has disconnected.
        """
        self._count(len(data))
        chunk = b"%X\r\n%b\r\n" % (len(data), data)
        try:
            sent: int = self._send(chunk)
        except BlockingIOError:
            return chunk
        return chunk[sent:] if sent < len(chunk) else b""

    def finish(self, unsent: bytes) -> None:
        """Write what `send` has returned; waits for the client.

        :raises OSError: the client has disconnected.
        """
        self.socket.sendall(unsent)

    @abstractmethod
    def _chunked(self) -> bool: ...

    @abstractmethod
    def _count(self, size: int) -> None:
        """Report to the server how many bytes of the body were sent."""


class GunicornSocketWriter(SocketWriter):
    """A writer under gunicorn.

    :param response: gunicorn's `Response`.
    """

    def __init__(self, response: Any) -> None:
        super().__init__(response.sock)
        self._response = response

    def _chunked(self) -> bool:
        return bool(self._response.headers_sent and self._response.chunked)

    def _count(self, size: int) -> None:
        self._response.sent += size


class GeventSocketWriter(SocketWriter):
    """A writer under gevent's own server.

    :param handler: gevent's `WSGIHandler`, which stands for a connection and its current response.
    """

    def __init__(self, handler: Any) -> None:
        super().__init__(handler.socket)
        self._handler = handler

    def _chunked(self) -> bool:
        return bool(self._handler.headers_sent and self._handler.response_use_chunked)

    def _count(self, size: int) -> None:
        self._handler.response_length += size
