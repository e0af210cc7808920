"""An adapter of requests whose connections are made by a guard."""

import socket
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from copilot_bridge.upstream.public_web.addresses import ResolvedAddress

Connect = Callable[[HTTPConnection], socket.socket]


class GuardedAdapter(HTTPAdapter):
    """An adapter whose connections `connect` makes, unless a proxy does."""

    def __init__(self, connect: Connect) -> None:
        self._pools = guarded_pools(connect)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def guarded_pools(connect: Connect) -> dict[str, type[HTTPConnectionPool]]:
    """The pools of urllib3 with another way to open a socket; everything above the socket is theirs."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def open_socket(endpoint: ResolvedAddress, timeout: float) -> socket.socket:
    """Connect to an endpoint.  socket.create_connection would resolve the address once more."""
    connected = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(endpoint.sockaddr)
    except BaseException:
        connected.close()
        raise
    return connected
