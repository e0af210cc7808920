"""A client's socket after the handshake: messages in, frames out, from several greenlets at once."""

import socket
from contextlib import suppress
from typing import Any

import gevent
from gevent.lock import Semaphore

from copilot_bridge.dialects.responses.turns import PING, MessageSplitter
from copilot_bridge.http.body import MAX_BODY_SIZE
from copilot_bridge.http.drain import discard_input
from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.socket_writer import SocketWriter
from copilot_bridge.websocket.messages import PING_FRAME, Messages, text_frame

READ_SIZE = 65536
PING_INTERVAL = 60.0  # seconds of silence after which the client is sent a ping
CLOSE_TIMEOUT = 1.0  # seconds in which a client may respond to a close frame


class ClientSocket:
    """The two directions of a connection.  One greenlet receives, and any may send.

    :param sock: gevent's.
    """

    def __init__(self, sock: Any) -> None:
        self.socket = sock
        self.sending = Semaphore()  # held while a frame is only partly sent
        self._messages = Messages(is_client=False, max_size=MAX_BODY_SIZE)
        self._pinged = False

    def receive(self) -> list[bytes] | None:
        """Wait for messages; None: there will be no more."""
        try:
            data = gevent.with_timeout(PING_INTERVAL, self.socket.recv, READ_SIZE, timeout_value=None)
            if data is None:
                return self._ping()
            self._pinged = False
            messages = self._messages.receive(data) if data else []
            if not data:
                self._messages.receive_end()
            self._send_outgoing()
        except (OSError, ClientDisconnected):
            return None
        return messages if messages or self._messages.is_open else None

    def _ping(self) -> list[bytes] | None:
        if self._pinged:
            return None
        self._pinged = True
        self.send(PING_FRAME)
        return []

    def _send_outgoing(self) -> None:
        if outgoing := self._messages.outgoing():
            self.send(outgoing)

    def send(self, frames: bytes) -> None:
        """Send whole frames.  Blocks while the client does not read.

        :raises ClientDisconnected:
        """
        with self.sending:
            try:
                self.socket.sendall(frames)
            except OSError as error:
                raise ClientDisconnected from error

    def send_message(self, message: bytes) -> None:
        """Send a message.

        :raises ClientDisconnected:
        """
        self.send(text_frame(message))

    def close(self, code: int) -> None:
        """Send a close frame; a while later the connection ends, whether or not the client responds."""
        self._messages.close(code)
        gevent.spawn_later(CLOSE_TIMEOUT, self.shut_down)
        with suppress(ClientDisconnected):
            self._send_outgoing()

    def discard_rest(self) -> None:
        """Read on until the client ends the connection: a reset would take the close frame from it."""
        discard_input(self.socket)

    def shut_down(self) -> None:
        """End the connection, and with it the wait for messages."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class FrameWriter(SocketWriter):
    """Writes the stream of one turn as frames, in the event loop where that is possible.

    While only a part of a frame is sent, nobody else may send.
    """

    def __init__(self, client: ClientSocket, lane: str | None) -> None:
        super().__init__(client.socket)
        self._client = client
        self._splitter = MessageSplitter(lane)
        self._rest = b""  # of a frame of which a part was sent

    def _chunked(self) -> bool:
        return True

    def _count(self, size: int) -> None:
        """Do nothing: the server does not know of this body."""

    def frames(self, data: bytes) -> bytes:
        """Return the frames for the bytes of the stream."""
        messages = self._splitter.feed(data)
        return b"".join([PING_FRAME if message == PING else text_frame(message) for message in messages])

    def send(self, data: bytes) -> bytes:
        frames = self.frames(data)
        if not frames or not self._client.sending.acquire(blocking=False):
            return frames
        try:
            sent = self._send(frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._client.sending.release()
            raise
        if not 0 < sent < len(frames):
            self._client.sending.release()
            return frames[sent:]
        self._rest = frames[sent:]
        return self._rest

    def finish(self, unsent: bytes) -> None:
        if not self._rest:
            self._client.send(unsent)
            return
        self.finish_frame()

    def finish_frame(self) -> None:
        """Send the rest of a frame.

        :raises OSError: the client has disconnected.
        """
        rest, self._rest = self._rest, b""
        if not rest:
            return
        try:
            self.socket.sendall(rest)
        finally:
            self._client.sending.release()

    def write(self, data: bytes) -> None:
        """Send what the server would send of the stream.

        :raises ClientDisconnected:
        """
        self.write_messages(self._splitter.feed(data))

    def write_whole(self, response: bytes) -> None:
        """Send the messages of a response that was ready at once.

        :raises ClientDisconnected:
        """
        self.write_messages(self._splitter.whole(response))

    def write_messages(self, messages: Any) -> None:
        try:
            self.finish_frame()
        except OSError as error:
            raise ClientDisconnected from error
        self._client.send(
            b"".join([PING_FRAME if message == PING else text_frame(message) for message in messages])
        )

    def close(self) -> None:
        """Give up a frame that could not be sent whole; the connection is of no use then."""
        if self._rest:
            self._rest = b""
            self._client.shut_down()
            self._client.sending.release()
