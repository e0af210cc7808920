"""Relays a stream in the event loop itself, without waking the greenlet that serves it."""

import time
from collections.abc import Callable
from typing import Protocol

from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.response_body import NonBlockingBody
from copilot_bridge.streaming.socket_writer import SocketWriter


class StreamReader(Protocol):
    """Turns upstream's bytes into the client's.  `failure`: the error that the stream reports."""

    @property
    def done(self) -> bool: ...
    @property
    def failure(self) -> Exception | None: ...
    def feed(self, data: bytes) -> bytes: ...


class EventLoopRelay:
    """Reads from upstream and writes to the client in a callback of the event loop.

    Such a callback may not wait, and the loop would only print an error.  So the bytes that the client's
    socket did not take, and an error, are kept until the greenlet calls `finish_pending`; until then
    nothing more is read.

    :param on_data: called with what upstream sent.
    :param on_sent: called with the time, on the monotonic clock, when the client was sent something.
    """

    def __init__(
        self,
        body: NonBlockingBody,
        reader: StreamReader,
        writer: SocketWriter,
        on_data: Callable[[bytes], None],
        on_sent: Callable[[float], None],
    ) -> None:
        self._body = body
        self._reader = reader
        self._writer = writer
        self._on_data = on_data
        self._on_sent = on_sent
        self._unsent = b""
        self._error: Exception | None = None
        self.enabled = False  # once the server has sent the head
        self.last_byte_at = 0.0

    def __call__(self) -> bool:
        """Relay what has arrived.  False: the greenlet has to wake."""
        if not self.enabled:
            return False
        try:
            if data := self._body.read_available():
                self.last_byte_at = now = time.monotonic()
                self._on_data(data)
                if out := self._reader.feed(data):
                    self._unsent = self._writer.send(out)
                    self._on_sent(now)
        except Exception as error:  # noqa: BLE001 - raised again in the greenlet
            self._error = error
            return False
        return self._body.would_block and not (self._unsent or self._body.eof or self.finished)

    @property
    def finished(self) -> bool:
        return self._reader.done or self._reader.failure is not None

    def finish_pending(self) -> None:
        """Write what the socket did not take, or raise the error.  To be called in the greenlet.

        :raises ClientDisconnected:
        """
        error, self._error = self._error, None
        unsent, self._unsent = self._unsent, b""
        try:
            if unsent:
                self._writer.finish(unsent)
            if error is not None:
                raise error
        except OSError as disconnected:
            raise ClientDisconnected from disconnected
