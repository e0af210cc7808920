"""TCP keep-alive, and the bytes of a connection that the other end has not acknowledged."""

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# A connection is dead after a minute without a sign of life.  A probe every half minute also keeps the entry
# that a NAT or a firewall has for a silent stream.  Options that a system lacks are left out.
KEEPALIVE: tuple[tuple[int, str, int], ...] = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),  # Linux, Windows, the BSDs
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", 30),  # the same on macOS
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (
        socket.IPPROTO_TCP,
        "TCP_USER_TIMEOUT",
        60_000,
    ),  # milliseconds; Linux: for bytes that are not acknowledged
)


def enable_keepalive(sock: Any) -> None:
    """Have the system end the connection when the other end is gone."""
    for level, name, value in KEEPALIVE:
        if hasattr(socket, name):
            with suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)


def unacknowledged(sock: Any) -> int | None:
    """The bytes that were sent and have not arrived at the next TCP; None where the system does not say."""
    query = QUERIES.get(sys.platform)
    with suppress(OSError):
        return query(sock) if query else None
    return None


def query_linux(sock: Any) -> int:
    import fcntl  # not on Windows
    import termios

    (waiting,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(waiting)


def query_macos(sock: Any) -> int:
    return int(sock.getsockopt(socket.SOL_SOCKET, 0x1024))  # SO_NWRITE


QUERIES: dict[str, Callable[[Any], int]] = {"linux": query_linux, "darwin": query_macos}
