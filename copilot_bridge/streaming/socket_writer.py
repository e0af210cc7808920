"""The client's socket, for an answer's pieces after the first: past the server, at once or not at all.

A server's own way from a piece to the socket costs about as much as everything that the bridge does to it.
The head, the end, and whatever can't be written at once still go that way.
"""

from abc import ABC, abstractmethod
from typing import Any

import gevent.socket


class Direct(ABC):
    """One answer's.  Offered to the application as `copilot_bridge.direct` in the WSGI environment."""

    def __init__(self, sock: Any) -> None:
        self.socket = sock
        self._plain = type(sock) is gevent.socket.socket  # one that encrypts does so on top of the system's
        self._send = sock._sock.send  # the system's, which gevent's wraps: it does not wait

    @property
    def ready(self) -> bool:
        """The head has been sent, and says that the body is chunked."""
        return self._plain and self._chunked()

    def send(self, piece: bytes) -> bytes:
        """Write it without waiting; gives what the socket did not take.  Raises OSError: the client left."""
        self._count(len(piece))
        chunk = b"%X\r\n%b\r\n" % (len(piece), piece)
        try:
            sent: int = self._send(chunk)
        except BlockingIOError:
            return chunk
        return chunk[sent:] if sent < len(chunk) else b""

    @abstractmethod
    def _chunked(self) -> bool: ...

    @abstractmethod
    def _count(self, size: int) -> None:
        """For the server's own accounts."""


class OfGunicorn(Direct):
    """:param response: gunicorn's own."""

    def __init__(self, response: Any) -> None:
        super().__init__(response.sock)
        self._response = response

    def _chunked(self) -> bool:
        return bool(self._response.headers_sent and self._response.chunked)

    def _count(self, size: int) -> None:
        self._response.sent += size


class OfGevent(Direct):
    """:param handler: gevent's word for a connection and its present answer."""

    def __init__(self, handler: Any) -> None:
        super().__init__(handler.socket)
        self._handler = handler

    def _chunked(self) -> bool:
        return bool(self._handler.headers_sent and self._handler.response_use_chunked)

    def _count(self, size: int) -> None:
        self._handler.response_length += size
