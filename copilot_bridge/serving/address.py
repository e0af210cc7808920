"""Where a bridge listens, and how one that listens somewhere is called from the same machine."""

import errno
import socket

BACKLOG = 2048

# What a machine without IPv6 says of its addresses.
NO_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)

# Of both families: whoever asks for "localhost" may try either first.
LOCALHOST = ("127.0.0.1", "::1")


def base_url(host: str, port: int) -> str:
    """Without a path.  An address that stands for all of them can't be called."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listeners(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen: one, or for "localhost" one of each family.  Raises OSError."""
    if host == "localhost":
        return on_localhost(port)
    if host == "::":
        return [for_everybody(port)]
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    return [socket.create_server((host, port), family=family, backlog=BACKLOG)]


def on_localhost(port: int) -> list[socket.socket]:
    """Raises OSError: the port is taken in one of the families, or there is neither."""
    made: list[socket.socket] = []
    try:
        for address in LOCALHOST:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                made.append(socket.create_server((address, port), family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in NO_FAMILY:
                    raise
            else:
                port = made[0].getsockname()[1]
    except OSError:
        for each in made:
            each.close()
        raise
    if not made:
        raise OSError(errno.EADDRNOTAVAIL, "there is no localhost here")
    return made


def for_everybody(port: int) -> socket.socket:
    """For both families where there are both."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno not in NO_FAMILY:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)
