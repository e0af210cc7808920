"""Discards the rest of a request that has been answered.  Servers import this before the application."""

import socket
import time
from contextlib import suppress
from typing import Any

import gevent

# Of a refused request's body: bytes that are read at once, the most that are read, and for how long.
READ_SIZE, MAX_DISCARDED, DISCARD_TIMEOUT = 256 * 1024, 256 * 1024 * 1024, 3.0


def discard_input(sock: Any) -> None:
    """Read what a client still sends of a request that has been answered, so that it reads its answer.

    A connection that is closed while bytes of its client's are unread is reset, and the answer lost.
    """
    buffer = bytearray(READ_SIZE)
    deadline, left = time.monotonic() + DISCARD_TIMEOUT, MAX_DISCARDED
    with suppress(OSError, gevent.Timeout), gevent.Timeout(DISCARD_TIMEOUT):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < deadline and (size := sock.recv_into(buffer)):
            left -= size
            gevent.sleep(0)  # or nobody else is served while there is always more
