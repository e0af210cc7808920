"""What the system knows of a TCP connection, and how soon it is to notice that the other end is gone."""

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# Dead after a minute without a sign of life; a probe every half minute also keeps the entry that a NAT or a
# firewall has for a stream that says nothing for long.  What a system does not know is left out.
KEEPALIVE: tuple[tuple[int, str, int], ...] = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),  # Linux, Windows, the BSDs
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", 30),  # the same of macOS
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 60_000),  # ms; Linux: what was sent and is not acknowledged
)


def watch_over(sock: Any) -> None:
    """Have the system end the connection when nothing is heard of the other end any more."""
    for level, name, value in KEEPALIVE:
        if hasattr(socket, name):
            with suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)


def unacknowledged(sock: Any) -> int | None:
    """Bytes that were sent and have not arrived at the next TCP; None: the system does not say."""
    ask = ASK.get(sys.platform)
    with suppress(OSError):
        return ask(sock) if ask else None
    return None


def ask_linux(sock: Any) -> int:
    import fcntl  # not on Windows
    import termios

    (waiting,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(waiting)


def ask_macos(sock: Any) -> int:
    return int(sock.getsockopt(socket.SOL_SOCKET, 0x1024))  # SO_NWRITE


ASK: dict[str, Callable[[Any], int]] = {"linux": ask_linux, "darwin": ask_macos}
