"""Notices that the client has disconnected while it waits for its response."""

import errno
import socket
from typing import Any

from gevent.hub import get_hub

from copilot_bridge.streaming.wakeup import SocketWatcher, Wakeup

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Seconds after which a reset may have arrived, from this machine or from the other end of the world.
RESET_CHECK_DELAYS = (0.02, 0.1, 0.3, 0.7, 2.0)


class ResponseCut(ConnectionResetError):
    """Ends a response in its middle.

    Servers close the connection without a word, as if the client had reset it, so that no client takes what
    it has for the whole.
    """

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the response was cut off")


class ClientDisconnected(Exception):
    """The client has disconnected; nothing can be sent to it any more."""


class HalfClosedProbe:
    """Finds out whether a client that sends no more still reads.

    A client that has disconnected responds to any byte with a reset.  Before the head of the response it
    is sent `100 Continue`, which every client of HTTP/1.1 skips (RFC 9110, section 15.2).

    :param send_continue: send it now; otherwise the caller sends a ping of the stream.
    :raises ClientDisconnected: the client can't be sent anything.
    """

    def __init__(self, client: Any, wakeup: Wakeup, *, send_continue: bool) -> None:
        self._client = client
        self._timers = [get_hub().loop.timer(seconds) for seconds in RESET_CHECK_DELAYS]
        try:
            if send_continue:
                client.send(CONTINUE)
        except BlockingIOError:
            pass
        except OSError as error:
            self.close()
            raise ClientDisconnected from error
        for timer in self._timers:
            timer.start(wakeup.set)

    def check(self) -> None:
        """Look for the reset.

        :raises ClientDisconnected: it has arrived.
        """
        if self._client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ClientDisconnected

    def close(self) -> None:
        for timer in self._timers:
            timer.stop()
            timer.close()


class ClientConnection:
    """Watches the client's socket, on which nothing is expected but its end.

    :param client: the socket, or None where the server offers none (a test client).
    :param accepts_continue: the client speaks HTTP/1.1, and may be sent `100 Continue`.
    :raises ClientDisconnected: the socket is closed already.
    """

    def __init__(self, client: Any, wakeup: Wakeup, *, accepts_continue: bool) -> None:
        if client is not None and client.fileno() < 0:
            raise ClientDisconnected
        self._socket = getattr(client, "_sock", client)  # gevent's sockets wrap the system's
        self._wakeup = wakeup
        self._accepts_continue = accepts_continue
        self._watcher = SocketWatcher(client.fileno(), wakeup) if client is not None else None
        self._probe: HalfClosedProbe | None = None
        self.response_started = False  # the head has been sent, or is about to be

    def watch(self) -> None:
        if self._watcher is not None:
            self._watcher.start()

    def check(self) -> bool:
        """True if a ping has to be sent now, to find out whether the client still reads.

        :raises ClientDisconnected:
        """
        if self._probe is not None:
            self._probe.check()
        if self._watcher is None or not self._watcher.fired:
            return False
        self._watcher.fired = False
        try:
            data = self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            raise ClientDisconnected from error
        if not data:  # the end of what it sends
            self._start_probe()
        # Its next request, or its end: the watcher can't see what comes after that.
        self._watcher.close()
        self._watcher = None
        return not data and self.response_started

    def _start_probe(self) -> None:
        if not (self.response_started or self._accepts_continue):
            raise ClientDisconnected  # it can't be probed, like proxies that speak HTTP/1.0
        self._probe = HalfClosedProbe(self._socket, self._wakeup, send_continue=not self.response_started)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
        if self._probe is not None:
            self._probe.close()
