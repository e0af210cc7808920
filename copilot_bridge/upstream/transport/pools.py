"""Pools of connections: the newest is used first, and one can be opened before a request needs it."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.proxy import connection_requires_http_tunnel

from copilot_bridge.upstream.transport.connections import (
    PlainConnection,
    SecureConnection,
    WatchedConnection,
)
from copilot_bridge.upstream.transport.waiting import Timeouts

AHEAD, ON_DEMAND = "ahead", "on_demand"  # before a request needed the connection, or because one did
FRESH_PART = 0.8  # of the time after which an idle connection is not used again


class Opening:
    """A connection that is being opened ahead, which one request may wait for."""

    def __init__(self) -> None:
        self.claimed = False
        self.connection: Any = None  # of the request that has claimed it
        self.over = threading.Event()


class WatchedPool:
    """A mixin for urllib3's pools: it keeps a connection for `max_idle` seconds."""

    pool: Any
    max_idle = 60.0
    _opening: Opening | None = None
    on_connect: Callable[[str], object] = staticmethod(lambda _opened: None)  # AHEAD or ON_DEMAND

    def _get_conn(self, timeout: float | None = None) -> Any:
        """The connection that was used last; if that is too old, all others are."""
        connection: Any = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None and connection.idle() > self.max_idle:
            connection.close()
            self.close_idle()
        if connection.sock is None and (opening := self._opening) and not opening.claimed:
            connection = self._await(opening, connection)
        if connection.sock is None:
            self.on_connect(ON_DEMAND)
        return connection

    def _await(self, opening: "Opening", unused: Any) -> Any:
        """The connection that is being opened; `unused` if that fails."""
        opening.claimed = True
        began = time.monotonic()
        try:
            opening.over.wait()
        except BaseException:  # the waiting request has ended
            opening.claimed = False
            if opening.connection is not None:
                opening.connection.close()
            super()._put_conn(unused)  # type: ignore[misc]
            raise
        if opening.connection is None:
            return unused
        opening.connection.connect_seconds = time.monotonic() - began
        return opening.connection

    def has_connection(self) -> bool:
        """Return whether a connection is in use, or is idle and can be used for a while yet."""
        return len(self.pool.queue) < self.pool.maxsize or self.has_idle(1)

    def has_idle(self, count: int) -> bool:
        """Return whether so many connections are idle and can be used for a while yet."""
        newest = self.pool.queue[-count:]
        usable = (
            connection is not None and self._is_fresh(connection) and connection.is_connected
            for connection in newest
        )
        return len(newest) == count and all(usable)

    def open_ahead(self, timeout: float) -> None:
        """Open a connection for the next request, and close those that it replaces.

        :param timeout: seconds.
        :raises OSError, HTTPError: it can't be opened.
        """
        opening = self._opening = Opening()
        try:
            connection = self._open(timeout)
            if opening.claimed:
                opening.connection = connection
            else:
                self._put_newest(connection)
        finally:
            self._opening = None
            opening.over.set()

    def _open(self, timeout: float) -> Any:
        connection: Any = self._new_conn()  # type: ignore[attr-defined]
        connection.timeout = timeout
        self.on_connect(AHEAD)
        if connection_requires_http_tunnel(self.proxy, self.proxy_config, self.scheme):  # type: ignore[attr-defined]
            self._prepare_proxy(connection)  # type: ignore[attr-defined]
        else:
            connection.connect()
        connection.note_opened_ahead()
        return connection

    def _put_newest(self, connection: Any) -> None:
        """Put a connection where the next request takes it from.  Others that are old are closed."""
        with getattr(self.pool, "mutex", nullcontext()):  # gevent's queues need none
            idle = self.pool.queue
            found = [entry for entry in idle if entry is not None]
            fresh = [entry for entry in found if self._is_fresh(entry)]
            old = [entry for entry in found if not self._is_fresh(entry)]
            has_room = len(fresh) < len(idle)
            kept = [*fresh, connection] if has_room else fresh
            idle[:] = [None] * (len(idle) - len(kept)) + kept
        for discarded in old if has_room else (*old, connection):
            discarded.close()

    def _is_fresh(self, connection: Any) -> bool:
        return connection.sock is not None and connection.idle() < FRESH_PART * self.max_idle

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.note_idle()
        super()._put_conn(connection)  # type: ignore[misc]

    def _make_request(self, connection: Any, *args: Any, **options: Any) -> Any:
        timeouts = options.get("timeout")
        connection.timeouts = timeouts if isinstance(timeouts, Timeouts) else None
        return super()._make_request(connection, *args, **options)  # type: ignore[misc]

    def note_taken(self) -> None:
        """Make room for another connection in place of one that does not come back.

        It counts as the oldest one: the next request still takes the newest.
        """
        with getattr(self.pool, "mutex", nullcontext()):
            self.pool.queue.insert(0, None)

    def close_idle(self) -> None:
        """Close the idle connections; each connects anew at its next use."""
        for connection in list(self.pool.queue) if self.pool is not None else ():
            if connection is not None:
                connection.close()


def take_connection(response: Any) -> Any:
    """Take the connection of a response out of its pool, which does not get it back.

    :param response: urllib3's, to which the other end has responded with 101.
    """
    connection, response._connection = response._connection, None
    response._pool.note_taken()
    return connection


class PlainPool(WatchedPool, HTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = PlainConnection


class SecurePool(WatchedPool, HTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = SecureConnection


POOLS = {"http": PlainPool, "https": SecurePool}


def socks_pools() -> dict[str, type]:
    """The same pools for connections through a SOCKS proxy."""
    from urllib3.contrib import socks  # needs another package, and few need such a proxy

    class SocksConnection(WatchedConnection, socks.SOCKSConnection):
        pass

    class SocksSecureConnection(WatchedConnection, socks.SOCKSHTTPSConnection):
        pass

    class SocksPool(WatchedPool, socks.SOCKSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = SocksConnection

    class SocksSecurePool(WatchedPool, socks.SOCKSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = SocksSecureConnection

    return {"http": SocksPool, "https": SocksSecurePool}
