"""Socket pairs, bodies and waits for the tests of streaming."""

import gc
import socket
import struct
import time
from collections.abc import Callable

import gevent
import gevent.socket
from gevent.hub import get_hub

from copilot_bridge.errors import StreamCut

SOON = 1.0  # seconds; in which a disconnection has to be noticed, on a busy machine
LONG = 30.0  # seconds; no test waits so long


class SocketBody:
    """A body that is all that a socket receives."""

    blocking = False

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.eof = False
        self.would_block = False
        self.reads = 0

    def fileno(self) -> int:
        return self._end.fileno()

    def read_available(self) -> bytes:
        self.reads += 1
        try:
            data = self._receive()
        except BlockingIOError:
            return b""
        except OSError as error:
            raise StreamCut("it broke off") from error
        self.eof = not data
        self.would_block = len(data) < 65536
        return data

    def _receive(self) -> bytes:
        return self._end.recv(65536)


class BlockingSocketBody(SocketBody):
    """A body that waits for data, as it would if gevent had patched the socket."""

    blocking = True

    def _receive(self) -> bytes:
        gevent.socket.wait_read(self._end.fileno())
        return self._end.recv(65536)


def watchers() -> int:
    gevent.sleep(0.002)  # what is killed dies in the next round
    return int(get_hub().loop.activecnt)


def left_over(before: int) -> int:
    """The number of additional watchers; garbage is no leak."""
    more = watchers() - before
    for _ in range(5):
        if more > 0:
            gc.collect()
            more = watchers() - before
    return max(0, more)


Pair = tuple[socket.socket, socket.socket]


def later(seconds: float, function: Callable[..., object], *args: object) -> None:
    gevent.spawn_later(seconds, function, *args)


def reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def since(began: float) -> float:
    return time.monotonic() - began
