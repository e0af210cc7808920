"""requests' adapter, less what it does anew for every connection, and with an eye on connections that died.

A connection may be dropped without a word: by a laptop's sleep, a NAT, a firewall, a load balancer.  A
request that is sent on such a one would wait for the whole read timeout.  So:

- One that was idle for about a minute is not used again, by whichever clock says so: one of them stands
  still while a laptop sleeps.  One that has ended, or on which something came unasked, is not used either.
- TCP itself is told to look after quiet connections (`sockets`): the end of one comes as an error within a
  minute, in the middle of a stream too.
- On a connection that was used before: where the other side's TCP has not acknowledged all of the request,
  and nothing more of it between two looks, it has not arrived whole, so it can't have been acted upon.  That
  is a network error, and tried anew as such.
- Where all is acknowledged and no answer begins, there are two possible reasons.  Whoever acknowledged (a
  proxy, a VPN's client, a load balancer) has lost the way behind it; or the answer takes its time, as a long
  prompt's does.  Nothing on this connection tells the two apart, and whoever tries the second one anew pays
  twice.  What does is time: an answer is given up that has taken three times as long to begin as any of its
  kind before (path, model, streamed or not), ten seconds at the least.  So a slow answer is asked for twice
  at most once: the second try, on a new connection, is never given up, and its time counts from then on.
  And only one request at a time is tried anew for silence alone (`patience`), so that a slow hour of
  upstream is not made slower.

All this is for connections that were used before, and ends with the first byte of an answer.
"""

import select
import time
from functools import cached_property
from http.client import SWITCHING_PROTOCOLS, HTTPException, HTTPResponse, parse_headers
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.sockets import unacknowledged, watch_over

# Room in the pool for every stream at once: a connection that does not fit is thrown away and
# the next request pays for a new TLS handshake.
CONNECTIONS = 4096
ORIGINS = 16  # whose connections are kept

GLANCE = 3.0  # s between two looks at a connection that is mute


class Stale(ConnectionError):
    """A connection that was used before gave no answer.  `unsent`: the request can't have arrived whole."""

    unsent = False


class Times(Timeout):
    """urllib3's, and how long an answer of this kind may take to begin."""

    def __init__(self, connect: float, read: float, patience: Patience, kind: str) -> None:
        super().__init__(connect=connect, read=read)
        self._given = (connect, read, patience, kind)
        self.patience = patience
        self.kind = kind

    def clone(self) -> "Times":
        return Times(*self._given)


def now() -> tuple[float, float]:
    return time.monotonic(), time.time()


MOST_INTERIM = 100  # answers before an answer


class FinalResponse(HTTPResponse):
    """The answer itself: http.client skips 100 alone, and takes a 103 (Early Hints) for the answer."""

    def _read_status(self) -> tuple[str, int, str]:
        told: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        for _ in range(MOST_INTERIM):
            if told[1] >= 200 or told[1] == SWITCHING_PROTOCOLS:
                return told
            parse_headers(self.fp)
            told = super()._read_status()  # type: ignore[misc]
        raise HTTPException("only interim answers")


class Watched:
    """A connection that is looked after."""

    response_class: Any = FinalResponse
    sock: Any
    used = False  # an answer has come on it
    idle_since: tuple[float, float] | None = None
    times: Times | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.used = False
        watch_over(self.sock)

    @property
    def is_connected(self) -> bool:
        """Whether it can be used: asked before each use.

        gevent's own `poll` goes through the event loop and all that is waiting there, even to look only.
        """
        if self.sock is None:
            return False
        if not hasattr(select, "poll"):  # Windows
            return not wait_for_read(self.sock, timeout=0.0)
        watch = get_original("select", "poll")()
        watch.register(self.sock, select.POLLIN)
        return not watch.poll(0)  # what comes unasked is its end

    def idle(self) -> float:
        """Seconds since it was put aside; a clock that was set back is not believed."""
        since = self.idle_since or now()
        return max(one - other for one, other in zip(now(), since, strict=True))

    def getresponse(self) -> Any:
        """Raises Stale: it was used before, and gives no answer."""
        began = time.monotonic()
        try:
            if self.used and self.times:
                self._await_answer(self.times, began)
            response = super().getresponse()  # type: ignore[misc]
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            if not self.used or isinstance(error, Stale):
                raise
            raise Stale(str(error)) from error
        self.used = True
        if self.times:
            self.times.patience.note(self.times.kind, time.monotonic() - began)
        return response

    def _await_answer(self, times: Times, began: float) -> None:
        """Until it begins, or the read timeout is over."""
        if getattr(self.sock, "pending", int)():  # read and decrypted already
            return
        end = began + (times.read_timeout or 0.0)
        stuck = Stuck(self.sock, began)
        while (at := time.monotonic()) < end:
            over = began + times.patience.of(times.kind)
            until = min(end, stuck.next_look, over if over > at else end)
            if wait_for_read(self.sock, timeout=max(0.0, until - at)):
                return
            if bytes_left := stuck.look(time.monotonic()):
                raise dead(f"{bytes_left} bytes were not acknowledged", unsent=True)
            if times.patience.is_over(times.kind, time.monotonic() - began):
                raise dead(f"no answer for {time.monotonic() - began:.0f} s")
        raise TimeoutError("timed out")


class Stuck:
    """Looks from time to time whether what was sent is still on its way.  Times are monotonic seconds."""

    def __init__(self, sock: Any, now: float) -> None:
        self._sock = sock
        self._before = 0
        self.next_look = now + GLANCE

    def look(self, now: float) -> int:
        """Bytes of which none has arrived since the last look; 0: it is not time, or all is well."""
        if now < self.next_look:
            return 0
        self.next_look = now + GLANCE
        before, self._before = self._before, unacknowledged(self._sock) or 0
        return self._before if self._before == before else 0


def dead(reason: str, *, unsent: bool = False) -> Stale:
    error = Stale(f"a connection that was used before is dead ({reason})")
    error.unsent = unsent
    return error


class PlainConnection(Watched, HTTPConnection):
    pass


class SecureConnection(Watched, HTTPSConnection):
    pass


class WatchedPool:
    """Keeps connections for a while.  `most_idle`: seconds."""

    pool: Any
    most_idle = 60.0

    def _get_conn(self, timeout: float | None = None) -> Any:
        """The one that was used last, so where that is too old all others are."""
        connection: Any = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None and connection.idle() > self.most_idle:
            connection.close()
            self.close_idle()
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = now()
        super()._put_conn(connection)  # type: ignore[misc]

    def _make_request(self, connection: Any, *args: Any, **options: Any) -> Any:
        times = options.get("timeout")
        connection.times = times if isinstance(times, Times) else None
        return super()._make_request(connection, *args, **options)  # type: ignore[misc]

    def close_idle(self) -> None:
        """They are connected anew when they are used."""
        for each in list(self.pool.queue) if self.pool is not None else ():
            if each is not None:
                each.close()


class PlainPool(WatchedPool, HTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = PlainConnection


class SecurePool(WatchedPool, HTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = SecureConnection


POOLS = {"http": PlainPool, "https": SecurePool}


def socks_pools() -> dict[str, type]:
    """The same by a SOCKS proxy."""
    from urllib3.contrib import socks  # which needs another package, and most need no such proxy

    class SocksConnection(Watched, socks.SOCKSConnection):
        pass

    class SocksSecureConnection(Watched, socks.SOCKSHTTPSConnection):
        pass

    class SocksPool(WatchedPool, socks.SOCKSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = SocksConnection

    class SocksSecurePool(WatchedPool, socks.SOCKSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = SocksSecureConnection

    return {"http": SocksPool, "https": SocksSecurePool}


class Adapter(HTTPAdapter):
    """Reads the certificates once; requests reads them for each connection, which takes 15 ms.

    :param certificates: a file or a folder of them; True: those that come with requests.
    :param most_idle: seconds after which an idle connection is not used again.
    """

    def __init__(self, certificates: str | bool = True, most_idle: float = WatchedPool.most_idle) -> None:
        self._certificates = DEFAULT_CA_BUNDLE_PATH if certificates is True else str(certificates)
        self._most_idle = most_idle
        super().__init__(pool_connections=ORIGINS, pool_maxsize=CONNECTIONS, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = POOLS
        self._pools: dict[tuple[str, str, str | None], Any] = {}

    @cached_property
    def _context(self) -> SSLContext:
        """Raises OSError: the certificates are not there, or are none."""
        context = create_urllib3_context()
        path = self._certificates
        try:
            context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
        except OSError as error:
            raise OSError(f"no certificates can be read from {path}: {error.strerror or error}") from None
        return context

    def check(self) -> None:
        """Raises OSError, as `_context`."""
        _ = self._context

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """An origin's pool; urllib3 takes 20 times as long, for all that could make a difference."""
        parts = urlsplit(str(request.url))
        key = (parts.scheme, parts.netloc, (proxies or {}).get(parts.scheme))
        pool: Any = self._pools.get(key)
        if pool is None:
            if len(self._pools) == ORIGINS:  # urllib3 closes the one that it was longest not asked for
                self._pools.clear()
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[key] = pool
            pool.most_idle = self._most_idle
        return pool

    def close_idle(self, url: str) -> None:
        """Call when one of an origin's connections has died: those of its age have died with it."""
        parts = urlsplit(url)
        for (scheme, host, _), pool in list(self._pools.items()):
            if (scheme, host) == (parts.scheme, parts.netloc):
                pool.close_idle()

    def close(self) -> None:
        self._pools.clear()
        super().close()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        place, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return place, {"ssl_context": self._context} if place["scheme"] == "https" else {}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._context
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = socks_pools() if proxy.startswith("socks") else POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context does."""
