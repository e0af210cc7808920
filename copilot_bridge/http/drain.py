"""Discards the rest of a rejected request.  Servers import this module before the application."""

import socket
import time
from contextlib import suppress
from typing import Any

import gevent

# Bytes of one read, the maximum of bytes, and the maximum of seconds.
READ_SIZE, MAX_DISCARDED, DISCARD_TIMEOUT = 256 * 1024, 256 * 1024 * 1024, 3.0


def discard_input(sock: Any) -> None:
    """Reads and drops what a client still sends, so that the client reads the response.

    Closing a connection with unread bytes resets it, and the response is lost.
    """
    buffer = bytearray(READ_SIZE)
    deadline, left = time.monotonic() + DISCARD_TIMEOUT, MAX_DISCARDED
    with suppress(OSError, gevent.Timeout), gevent.Timeout(DISCARD_TIMEOUT):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < deadline and (size := sock.recv_into(buffer)):
            left -= size
            gevent.sleep(0)  # serves other connections while this one has more to read
