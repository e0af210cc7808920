"""Relays a stream in the event loop itself, without waking the greenlet that serves it."""

import time
from collections.abc import Callable
from typing import Protocol

from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.response_body import NonBlockingBody
from copilot_bridge.streaming.socket_writer import SocketWriter

# A stream faster than any model is read in larger pieces, because each piece costs as much as a dozen events.
FAST_INTERVAL = 0.0005  # seconds between two reads
FAST_READS = 4  # in a row, after which the next read waits
FAST_PAUSE = 0.001  # seconds


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

    :param on_data: called with the bytes that upstream sent.
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
        self._fast_reads = 0

    def __call__(self) -> float | None:
        """Relay what has arrived.

        Returns the seconds to wait before the next read, mostly 0.  None: the greenlet has to wake.
        """
        if not self.enabled:
            return None
        try:
            if data := self._body.read_available():
                now = time.monotonic()
                self._fast_reads = self._fast_reads + 1 if now - self.last_byte_at < FAST_INTERVAL else 0
                self.last_byte_at = now
                self._on_data(data)
                if out := self._reader.feed(data):
                    self._unsent = self._writer.send(out)
                    self._on_sent(now)
        except Exception as error:  # noqa: BLE001 - raised again in the greenlet
            self._error = error
            return None
        if not self._body.would_block or self._unsent or self._body.eof or self.finished:
            return None
        return FAST_PAUSE if self._fast_reads >= FAST_READS else 0

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
