"""Relays a response body from the upstream socket to the client and watches both.

One greenlet serves a request.  It waits on a `Wakeup`, which is set when upstream's socket has bytes, the
client's socket has ended, a timer has expired, or a blocking call has returned.  The watchers stay with the
event loop for as long as the stream lasts.

There are three ways from upstream to the client, each faster than the one before, with the same bytes:

- the reference, `StreamRelay._read_blocking`: a blocking read, a write by the server, and so on;
- `StreamRelay._read_when_ready`: the greenlet waits until upstream's socket is readable, reads all that is
  there in one piece, and passes it to the server;
- `EventLoopRelay`: a callback of the event loop reads and writes to the client's socket while the greenlet
  waits.  On a partial write, an error or the end of the stream it wakes the greenlet, which continues in
  `_read_when_ready`.
"""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gevent

from copilot_bridge.errors import StreamCut, UpstreamTimeout
from copilot_bridge.streaming.client_connection import ClientConnection, ClientDisconnected
from copilot_bridge.streaming.event_loop import EventLoopRelay, StreamReader
from copilot_bridge.streaming.response_body import BlockingBody, Body, GeneratedBody, NonBlockingBody
from copilot_bridge.streaming.socket_writer import SocketWriter
from copilot_bridge.streaming.wakeup import IdleTimer, SocketWatcher, Wakeup

STOPPED_MESSAGE = "the bridge is shutting down"

T = TypeVar("T")


class StreamRelay:
    """Waits for upstream on behalf of one client, who may disconnect meanwhile.  Times in seconds.

    :param client: the client's socket, or None where the server offers none (a test client).
    :param keepalive: idle time after which the client should be sent a ping.
    :param stall: idle time of upstream after which the request fails.
    :param writer: writes to the client past the server, where the server allows it.
    :param accepts_continue: the client speaks HTTP/1.1, and may be sent `100 Continue`.
    :raises ClientDisconnected: the client's socket is closed already.
    """

    def __init__(
        self,
        client: socket.socket | None,
        keepalive: float,
        stall: float,
        writer: SocketWriter | None = None,
        *,
        accepts_continue: bool = True,
    ) -> None:
        self._wakeup = Wakeup()
        self._client = ClientConnection(client, self._wakeup, accepts_continue=accepts_continue)
        self._idle = IdleTimer(min(keepalive, stall), self._wakeup)
        self._stall = stall
        self._writer = writer
        self._job: Any = None

    def call(self, function: Callable[[], T]) -> Iterator[T | None]:
        """Do a blocking call: None each time that a ping is due meanwhile, at last its result.

        :raises ClientDisconnected: the client left; the call is stopped when this is closed.
        """
        self._job = job = gevent.spawn(capture_result, function)
        job.link(self._wakeup.set)
        while not job.ready():
            if self._wait():
                yield None
        result, error = job.get()
        self._job = job = None  # or it would be kept until the end of the stream
        if error is not None:
            raise error
        yield result

    def relay(self, body: Body, reader: StreamReader, on_data: Callable[[bytes], None]) -> Iterator[bytes]:
        """The body as `reader` writes it for the client, until either is at its end; b"" when a ping is due.

        :param on_data: called with the bytes that upstream sent.
        :raises ClientDisconnected, StreamCut, UpstreamTimeout: or the failure that the stream reports.
        """
        fast = None
        if self._writer is not None and not body.blocking:
            fast = EventLoopRelay(body, reader, self._writer, on_data, self._idle.reset)
        for data in self.read(body, fast):
            if not data:
                yield b""
                continue
            on_data(data)
            if out := reader.feed(data):
                self.note_sent()
                yield out
                if fast and self._writer:
                    fast.enabled = self._writer.ready
            if reader.done or reader.failure:
                break
        if reader.failure:
            raise reader.failure

    def read(self, body: Body, fast: EventLoopRelay | None = None) -> Iterator[bytes]:
        """The body's bytes as they arrive, without those that `fast` relays; b"" when a ping is due.

        :raises ClientDisconnected, StreamCut, UpstreamTimeout:
        """
        return self._read_blocking(body) if body.blocking else self._read_when_ready(body, fast)

    def _read_blocking(self, body: BlockingBody | GeneratedBody) -> Iterator[bytes]:
        """The reference: one blocking read after the other."""
        last_byte_at = time.monotonic()
        while not body.eof:
            for data in self.call(body.read_available):
                if data:
                    last_byte_at = time.monotonic()
                    yield data
                elif data is None:
                    self._check_stall(last_byte_at)
                    yield b""

    def _read_when_ready(self, body: NonBlockingBody, fast: EventLoopRelay | None) -> Iterator[bytes]:
        upstream = SocketWatcher(body.fileno(), self._wakeup, fast)
        last_byte_at = time.monotonic()
        try:
            while True:
                if data := body.read_available():
                    last_byte_at = time.monotonic()
                    yield data
                if body.eof:
                    return
                if data and not body.would_block:
                    self._yield_to_loop()
                    continue
                upstream.start()
                ping = self._wait()
                if fast is not None:
                    fast.finish_pending()
                    last_byte_at = max(last_byte_at, fast.last_byte_at)
                    if fast.finished:
                        return
                if ping:
                    self._check_stall(last_byte_at)
                    yield b""
        finally:
            upstream.close()

    def _check_stall(self, last_byte_at: float) -> None:
        if time.monotonic() - last_byte_at >= self._stall - 0.001:
            raise UpstreamTimeout(f"no byte from Copilot for {self._stall:g} s")

    def note_response_started(self) -> None:
        """The head has been sent, or is about to be."""
        self._client.response_started = True

    def note_sent(self) -> None:
        """The client has been sent something, so no ping is due."""
        self._idle.reset(time.monotonic())

    def _yield_to_loop(self) -> None:
        """Let other greenlets run: a stream that never has to wait would block them all."""
        try:
            gevent.sleep(0)
        except gevent.GreenletExit as stopped:
            raise StreamCut(STOPPED_MESSAGE) from stopped

    def drain(self, body: Body, timeout: float) -> None:
        """Read the unneeded rest of a body, if it arrives in time, so that its connection can be reused."""
        self._idle.close()
        self._idle = IdleTimer(timeout, self._wakeup)
        deadline = time.monotonic() + timeout
        try:
            for data in self.read(body):
                if not data or time.monotonic() > deadline:
                    return
        except (ClientDisconnected, StreamCut, UpstreamTimeout):
            return

    def _wait(self) -> bool:
        """Wait until woken.  True: a ping is due."""
        self._client.watch()
        try:
            self._wakeup.wait()
        except gevent.GreenletExit as stopped:
            raise StreamCut(STOPPED_MESSAGE) from stopped
        probe = self._client.check()
        expired, self._idle.expired = self._idle.expired, False
        return expired or probe

    def close(self) -> None:
        """Stop all watching and the blocking call; the body can be closed afterwards."""
        if self._job is not None:
            self._job.kill()
        self._client.close()
        self._idle.close()


def capture_result(function: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """The result or the error of a call: gevent would print what a greenlet raises."""
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - raised again in the greenlet that called
        return None, error
