"""One WebSocket to Copilot: its handshake, on a connection like those of all requests, and its socket."""

import time
from collections.abc import Mapping
from http.client import SWITCHING_PROTOCOLS
from typing import Any

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Response
from websockets.uri import parse_uri

from copilot_bridge.errors import StreamCut
from copilot_bridge.streaming.response_body import SocketReader, read_buffered
from copilot_bridge.upstream.transport.bodies import read_error_body
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.upstream.transport.pools import take_connection
from copilot_bridge.upstream.transport.waiting import Timeouts, wait_until_readable
from copilot_bridge.websocket.deflate import Deflate, DeflateOffer
from copilot_bridge.websocket.messages import Messages

NORMAL, GOING_AWAY = 1000, 1001
CLOSE_TIMEOUT = 0.2  # seconds that a close frame may take; the connection ends anyway
OF_A_BODY = ("Content-Type", "Content-Length", "Accept-Encoding")


class UpgradeRefused(Exception):
    """Copilot, or something on the way to it, has responded to the handshake with another status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the response to the upgrade has status {status}")
        self.status = status


class WrongHandshake(Exception):
    """The handshake was accepted in a way that nobody has offered."""


class Connection:
    """A WebSocket after its handshake.

    :param connection: urllib3's, which keeps the socket.
    :param early: bytes that came together with the response to the handshake.
    :ivar opened: monotonic seconds.  :ivar compresses: messages may be compressed.
    """

    def __init__(self, connection: Any, early: bytes, max_size: int, deflate: Deflate | None = None) -> None:
        self._connection = connection
        self._socket: Any = connection.sock
        self._reader = SocketReader(self._socket)
        self._messages = Messages(is_client=True, max_size=max_size, deflate=deflate)
        self.compresses = deflate is not None
        self._early = early
        self.opened = time.monotonic()
        self.is_closed = False
        self._socket.settimeout(0)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    @property
    def would_block(self) -> bool:
        """Return whether another read now would find nothing, not even the end."""
        return self._reader.would_block and self._messages.is_open

    @property
    def violation(self) -> str | None:
        """Return what Copilot has done against the protocol, for which the connection was closed."""
        return self._messages.violation

    def frame_of(self, text: bytes) -> bytes:
        """Return the bytes of a message, which has to be sent next."""
        return self._messages.frame_of(text)

    def send(self, frame: bytes, timeout: float) -> None:
        """Send a message.  Blocks.

        :raises OSError: the connection was lost.
        """
        self._socket.settimeout(timeout)
        self._socket.sendall(frame)
        self._socket.settimeout(0)

    def await_response(self, timeouts: Timeouts, began: float) -> None:
        """Wait until something comes.

        :param began: monotonic seconds.
        :raises OSError: nothing does.
        """
        if not self._early:
            self._connection.await_response(timeouts, began)

    def wait(self, timeout: float) -> bool:
        """Wait until something comes, for so many seconds.  Returns whether it did."""
        return wait_until_readable(self._socket, timeout)

    def receive(self) -> list[bytes]:
        """Return the messages that have arrived, after a response to pings.  It never waits.

        :raises StreamCut: the connection has ended.
        """
        if not self._messages.is_open:
            raise self._closed()
        data, self._early = self._early, b""
        received = data or self._reader.receive()
        if received is None:
            return []
        if not received:
            raise StreamCut("Copilot closed the connection in the middle of its response")
        messages = self._messages.receive(received)
        if outgoing := self._messages.outgoing():
            self._send_at_once(outgoing)
        if not (messages or self._messages.is_open):
            raise self._closed()
        return messages

    def _closed(self) -> StreamCut:
        if self.violation:
            return StreamCut(f"Copilot broke the WebSocket protocol: {self.violation}")
        return StreamCut(f"Copilot closed the WebSocket with {self._messages.close_code}")

    def _send_at_once(self, data: bytes) -> None:
        """Send a few bytes.  If they don't fit in the socket's buffer, the connection has other troubles."""
        try:
            self._socket.send(data)
        except OSError as error:
            raise StreamCut("the connection to Copilot was lost") from error

    def close(self) -> None:
        """End the connection, and with it whatever Copilot still does for it."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            self._messages.close(NORMAL)
            self._socket.settimeout(CLOSE_TIMEOUT)
            self._socket.send(self._messages.outgoing())
        except OSError:
            pass
        finally:
            self._connection.close()


def open_connection(
    client: HttpClient, url: str, headers: Mapping[str, str], max_size: int, *, compress: bool
) -> Connection:
    """Open a WebSocket.  Blocks.

    :param headers: of a request to the same address by HTTP.
    :param max_size: bytes of a message.  :param compress: offer that messages are compressed.
    :raises UpgradeRefused, WrongHandshake, BridgeError:
    """
    protocol = ClientProtocol(
        parse_uri(url.replace("http", "ws", 1)), extensions=[DeflateOffer()] if compress else None
    )
    upgrade = {name: value for name, value in protocol.connect().headers.raw_items() if name != "Host"}
    kept = {name: value for name, value in headers.items() if name not in OF_A_BODY}
    response = client.send("GET", url, upgrade | kept, kind="websocket", background=True)
    if response.status_code != SWITCHING_PROTOCOLS:
        read_error_body(response)
        raise UpgradeRefused(response.status_code)
    raw: Any = response.raw
    connection = take_connection(raw)
    try:
        protocol.process_response(Response(SWITCHING_PROTOCOLS, "", Headers(response.headers)))
    except InvalidHandshake as error:
        connection.close()
        raise WrongHandshake(str(error)) from error
    connection.sock.settimeout(0)
    early = read_buffered(raw._original_response.fp)
    agreed = next((extension for extension in protocol.extensions if isinstance(extension, Deflate)), None)
    return Connection(connection, early, max_size, agreed)
