"""One WebSocket to Copilot: its handshake, on a connection like those of all requests, and its socket."""

import time
from collections.abc import Mapping
from http.client import SWITCHING_PROTOCOLS
from typing import Any

from websockets.utils import accept_key, generate_key

from copilot_bridge.errors import StreamCut
from copilot_bridge.streaming.response_body import SocketReader, read_buffered
from copilot_bridge.upstream.transport.bodies import read_error_body
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.upstream.transport.pools import take_connection
from copilot_bridge.upstream.transport.waiting import Timeouts, wait_until_readable
from copilot_bridge.websocket.messages import Messages, masked_text_frame

NORMAL, GOING_AWAY = 1000, 1001
CLOSE_TIMEOUT = 0.2  # s that a close frame may take; the connection ends anyway
OF_A_BODY = ("Content-Type", "Content-Length", "Accept-Encoding")


class UpgradeRefused(Exception):
    """Copilot, or something on the way to it, has answered the handshake with another status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the upgrade was answered by {status}")
        self.status = status


class Connection:
    """A WebSocket after its handshake.

    :param connection: urllib3's, which keeps the socket.
    :param early: bytes that came together with the response to the handshake.
    :ivar opened: monotonic seconds.
    """

    def __init__(self, connection: Any, early: bytes, max_size: int) -> None:
        self._connection = connection
        self._socket: Any = connection.sock
        self._reader = SocketReader(self._socket)
        self._messages = Messages(is_client=True, max_size=max_size)
        self._early = early
        self.opened = time.monotonic()
        self.is_closed = False
        self._socket.settimeout(0)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    @property
    def would_block(self) -> bool:
        return self._reader.would_block

    def send(self, text: bytes, timeout: float) -> None:
        """Send a message.  Blocks.

        :raises OSError: the connection was lost.
        """
        self._socket.settimeout(timeout)
        self._socket.sendall(masked_text_frame(text))
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
        data, self._early = self._early, b""
        received = data or self._reader.receive()
        if received is None:
            return []
        if not received:
            raise StreamCut("Copilot closed the connection in the middle of its response")
        messages = self._messages.receive(received)
        if answer := self._messages.outgoing():
            self._send_at_once(answer)
        if not (messages or self._messages.is_open):
            raise StreamCut(f"Copilot closed the WebSocket with {self._messages.close_code}")
        return messages

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


def open_connection(client: HttpClient, url: str, headers: Mapping[str, str], max_size: int) -> Connection:
    """Open a WebSocket.  Blocks.

    :param headers: of a request to the same address by HTTP.
    :param max_size: bytes of a message.
    :raises UpgradeRefused, BridgeError:
    """
    key = generate_key()
    kept = {name: value for name, value in headers.items() if name not in OF_A_BODY}
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
    response = client.send("GET", url, kept | upgrade, kind="websocket", background=True)
    accepted = response.headers.get("Sec-WebSocket-Accept") == accept_key(key)
    if response.status_code != SWITCHING_PROTOCOLS or not accepted:
        read_error_body(response)
        raise UpgradeRefused(response.status_code)
    raw: Any = response.raw
    raw._connection.sock.settimeout(0)
    early = read_buffered(raw._original_response.fp)
    return Connection(take_connection(raw), early, max_size)
