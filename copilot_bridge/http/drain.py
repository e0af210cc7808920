"""Discards the rest of a request that has been answered.  Servers import this before the application."""

import socket
import time
from contextlib import suppress
from typing import Any

import gevent

# Of a refused request's body: bytes that are read at once, the most that are read, and for how long.
PIECE, MOST, PATIENCE = 256 * 1024, 256 * 1024 * 1024, 3.0


def throw_away(sock: Any) -> None:
    """Read what a client still sends of a request that has been answered, so that it reads its answer.

    A connection that is closed while bytes of its client's are unread is reset, and the answer lost.
    """
    room = bytearray(PIECE)
    give_up, left = time.monotonic() + PATIENCE, MOST
    with suppress(OSError, gevent.Timeout), gevent.Timeout(PATIENCE):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < give_up and (size := sock.recv_into(room)):
            left -= size
            gevent.sleep(0)  # or nobody else is served while there is always more
