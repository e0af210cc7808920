"""Connections that are checked before they are used again, and watched while they are silent.

A connection may be dropped without a word: by a laptop's sleep, a NAT, a firewall, a load balancer.  A
request that is sent on such a connection would wait for the whole read timeout.  Therefore:

- A connection that was idle for about a minute is not used again.  Two clocks are asked, because one of them
  stands still while a laptop sleeps.  A connection that has ended, or that received something unasked, is not
  used either.
- A connection can be opened before a request needs it (`WatchedPool.open_ahead`).  It counts as a reused one.
- TCP itself checks silent connections (`sockets`): the end of one comes as an error within a minute, in the
  middle of a stream, too.
- If, on a reused connection, the other side's TCP has not acknowledged all of the request, and no more of it
  between two checks, then the request has not arrived whole, so it can't have been acted upon.  That is a
  network error, after which the request is sent again.
- If all is acknowledged and no answer begins, there are two possible reasons: the TCP that acknowledged (a
  proxy's, a VPN client's, a load balancer's) has lost the connection behind it; or the answer takes its time,
  as that to a long prompt does.  Nothing on this connection distinguishes the two, and sending the request
  again in the second case costs twice.  Time does distinguish them: an answer is given up after three times
  as long as any answer of its kind (path, model, streamed or not) has taken to begin, but not before ten
  seconds.
  So a slow answer is asked for twice at most once: the second attempt, on a new connection, is never given
  up, and its time counts from then on.  Only one request at a time is sent again because of silence alone
  (`patience`), so that a slow hour of upstream is not made slower.

All this concerns reused connections, and ends with the first byte of an answer.
"""

import select
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from http.client import HTTPException
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.proxy import connection_requires_http_tunnel
from urllib3.util.wait import wait_for_read

from copilot_bridge.upstream.transport.messages import MessageConnection
from copilot_bridge.upstream.transport.network_errors import StaleConnectionError
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.sockets import enable_keepalive, unacknowledged
from copilot_bridge.upstream.transport.tls import remember_session

# s between two checks of a silent connection, in which TCP sends what is missing several times
CHECK_INTERVAL = 0.9
FRESH_PART = 0.8  # of the time after which an idle connection is not used again


def unpatched_poll() -> "select.poll":
    """The system's poll.  Where gevent is not imported, nothing is patched."""
    monkey = sys.modules.get("gevent.monkey")
    poll: select.poll = monkey.get_original("select", "poll")() if monkey else select.poll()
    return poll


class Timeouts(Timeout):
    """Timeouts for urllib3 that also limit how long an answer of this kind may take to begin."""

    def __init__(self, connect: float, read: float, patience: Patience, kind: str) -> None:
        super().__init__(connect=connect, read=read)
        self.patience = patience
        self.kind = kind

    def clone(self) -> "Timeouts":
        """The same limits, their clock not started; urllib3 checks them again at each of its clones."""
        clone = Timeouts.__new__(Timeouts)
        vars(clone).update(vars(self), _start_connect=None)
        return clone


def both_clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()


class WatchedConnection(MessageConnection):
    """A mixin for urllib3's connections: it watches a reused connection until its answer begins."""

    reused = False  # an answer has come on it, or it was opened ahead
    _answered = False
    idle_since: tuple[float, float] | None = None
    timeouts: Timeouts | None = None
    connect_seconds = 0.0  # that the request on it has waited for the connection

    def connect(self) -> None:
        began = time.monotonic()
        super().connect()  # type: ignore[misc]
        self.connect_seconds = time.monotonic() - began
        self.reused = self._answered = False
        enable_keepalive(self.sock)

    def note_opened_ahead(self) -> None:
        self.connect_seconds = 0.0
        self.reused = True
        self.idle_since = both_clocks()

    @property
    def is_connected(self) -> bool:
        """Return whether the connection can be used; urllib3 asks before each use.

        gevent's own `poll` would go through the event loop and everything that waits there.
        """
        if self.sock is None:
            return False
        if not hasattr(select, "poll"):  # Windows
            return not wait_for_read(self.sock, timeout=0.0)
        poll = unpatched_poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0) or self._reads_only_tls()

    def _reads_only_tls(self) -> bool:
        """Read what has come unasked.  Messages of TLS, such as session tickets, are no sign of the end."""
        timeout = self.sock.gettimeout()
        try:
            self.sock.settimeout(0.0)
            self.sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except (OSError, ValueError):
            return False
        else:
            return False
        finally:
            self.sock.settimeout(timeout)

    def idle(self) -> float:
        """The seconds since the connection was put aside; a clock that was set back does not count."""
        since = self.idle_since or both_clocks()
        return max(now - then for now, then in zip(both_clocks(), since, strict=True))

    def getresponse(self) -> Any:
        """Wait for the answer.

        :raises StaleConnectionError: the connection is a reused one and gives no answer.
        """
        began = time.monotonic()
        try:
            if self.reused and self.timeouts:
                self.await_answer(self.timeouts, began)
            response: Any = super().getresponse()
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            if not self.reused or isinstance(error, StaleConnectionError):
                raise
            raise StaleConnectionError(str(error)) from error
        if not self._answered:
            self._answered = True
            remember_session(self.sock)
        self.reused = True
        response.connect_seconds, self.connect_seconds = self.connect_seconds, 0.0
        if self.timeouts:
            self.timeouts.patience.note(self.timeouts.kind, time.monotonic() - began)
        return response

    def await_answer(self, timeouts: Timeouts, began: float) -> None:
        """Wait until the answer begins, or the read timeout is over.

        :raises StaleConnectionError: there are signs that none will come.
        """
        if getattr(self.sock, "pending", int)():  # read and decrypted already
            return
        end = began + (timeouts.read_timeout or 0.0)
        progress = SendProgress(self.sock, began)
        while (now := time.monotonic()) < end:
            give_up = began + timeouts.patience.of(timeouts.kind)
            until = min(end, progress.next_check, give_up if give_up > now else end)
            if wait_until_readable(self.sock, max(0.0, until - now)):
                return
            if stuck := progress.check(time.monotonic()):
                raise stale(f"{stuck} bytes were not acknowledged", unsent=True)
            if timeouts.patience.is_over(timeouts.kind, time.monotonic() - began):
                raise stale(f"no answer for {time.monotonic() - began:.0f} s")
        raise TimeoutError("timed out")


def wait_until_readable(sock: Any, timeout: float) -> bool:
    """Wait for bytes on a socket; False: none came.  urllib3 waits by gevent's `poll`, which takes longer."""
    patched = sys.modules.get("gevent.socket")  # commands that ask Copilot start without gevent
    if patched is None or not isinstance(sock, patched.socket):
        return bool(wait_for_read(sock, timeout=timeout))
    try:
        patched.wait_read(sock.fileno(), timeout)
    except TimeoutError:
        return False
    return True


class SendProgress:
    """Checks from time to time whether the sent bytes still arrive.  Times are monotonic seconds."""

    def __init__(self, sock: Any, now: float) -> None:
        self._sock = sock
        self._before = 0
        self.next_check = now + CHECK_INTERVAL

    def check(self, now: float) -> int:
        """The bytes of which none has arrived since the last check; 0: it is not time yet, or all is well."""
        if now < self.next_check:
            return 0
        self.next_check = now + CHECK_INTERVAL
        before, self._before = self._before, unacknowledged(self._sock) or 0
        return self._before if self._before == before else 0


def stale(reason: str, *, unsent: bool = False) -> StaleConnectionError:
    error = StaleConnectionError(f"a reused connection is dead ({reason})")
    error.unsent = unsent
    return error


class PlainConnection(WatchedConnection, HTTPConnection):
    pass


class SecureConnection(WatchedConnection, HTTPSConnection):
    pass


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
        except BaseException:  # whoever waits has left
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
            connection.idle_since = both_clocks()
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

    :param response: urllib3's, which the other end has answered by 101.
    """
    connection, response._connection = response._connection, None
    response._pool.note_taken()
    return connection


AHEAD, ON_DEMAND = "ahead", "on_demand"  # before a request needed the connection, or because one did


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
