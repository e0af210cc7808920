"""The addresses that a bridge listens on, and the URL that reaches it from the same machine."""

import errno
import socket

BACKLOG = 2048

# The errors of a machine without IPv6.
FAMILY_MISSING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)

# Both families: a client that connects to "localhost" may try either first.
LOCALHOST = ("127.0.0.1", "::1")


def base_url(host: str, port: int) -> str:
    """The URL without a path.  An address that stands for all of them is replaced: it can't be called."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listening sockets: one, or for "localhost" one of each family.

    :raises OSError:
    """
    listeners = bind_listeners(host, port)
    for listener in listeners:
        # Accepted sockets inherit the option, even those of clients that connect before the server sets it.
        # Without it, a small write waits up to 40 ms for the acknowledgement of the one before.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listeners


def open_all_listeners(host: str, port: int, second_port: int) -> list[socket.socket]:
    """Listening sockets of a port, and of a second one; 0: there is no second one.

    :raises PortError: a port can't be used.
    """
    listeners = listeners_of(host, port)
    if not second_port or second_port == port:
        return listeners
    try:
        return [*listeners, *listeners_of(host, second_port)]
    except PortError:
        for listener in listeners:
            listener.close()
        raise


class PortError(OSError):
    """A port that can't be listened on."""

    def __init__(self, error: OSError, port: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.port = port


def listeners_of(host: str, port: int) -> list[socket.socket]:
    """Listening sockets of a port.

    :raises PortError: it can't be used.
    """
    try:
        return open_listeners(host, port)
    except OSError as error:
        raise PortError(error, port) from error


def bind_listeners(host: str, port: int) -> list[socket.socket]:
    if host == "localhost":
        return localhost_listeners(port)
    if host == "::":
        return [dual_stack_listener(port)]
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    return [socket.create_server((host, port), family=family, backlog=BACKLOG)]


def localhost_listeners(port: int) -> list[socket.socket]:
    """One listener of each family that the machine has.

    :raises OSError: the port is taken in one of the families, or the machine has neither.
    """
    listeners: list[socket.socket] = []
    try:
        for address in LOCALHOST:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                listeners.append(socket.create_server((address, port), family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in FAMILY_MISSING:
                    raise
            else:
                port = listeners[0].getsockname()[1]
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, "localhost has no address on this machine")
    return listeners


def dual_stack_listener(port: int) -> socket.socket:
    """A listener on all addresses, of both families where the machine has both."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno not in FAMILY_MISSING:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)
