"""An adapter for requests without the work that it repeats for every connection."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from copilot_bridge.upstream.transport.pools import POOLS, WatchedPool, socks_pools
from copilot_bridge.upstream.transport.tls import new_context

# Connections of a pool: enough for all streams at once, because a connection that does not fit is closed,
# and the next request needs a new TLS handshake.
POOL_SIZE = 4096
MAX_POOLS = 16  # origins whose connections are kept
NO_TIME = timedelta(0)


class CookielessResponse(requests.Response):
    """A response that makes its empty cookie jar only if somebody asks for it: it is half of the making."""

    def __init__(self, response: Any, request: requests.PreparedRequest) -> None:
        """Set what requests sets, and no guess at the encoding."""
        self._content: Any = False
        self._content_consumed = False
        self._next = None
        self.status_code, self.reason = response.status, response.reason
        self.headers, self.raw = response.headers, response
        self.url, self.request = str(request.url), request
        self.encoding = None
        self.history = []
        self.elapsed = NO_TIME

    @cached_property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]
        return RequestsCookieJar()


class Adapter(HTTPAdapter):
    """An adapter that reads the certificates once; requests reads them for each connection (15 ms).

    :param certificates: a file or a folder of them; True: those that come with requests.
    :param max_idle: seconds after which an idle connection is not used again.
    """

    # Called with the host, and "ahead" or "on_demand", when a connection is opened.
    on_connect: Callable[[str, str], object]

    def __init__(self, certificates: str | bool = True, max_idle: float = WatchedPool.max_idle) -> None:
        self._certificates = DEFAULT_CA_BUNDLE_PATH if certificates is True else str(certificates)
        self._max_idle = max_idle
        self.on_connect: Callable[[str, str], object] = lambda _host, _opened: None
        super().__init__(pool_connections=MAX_POOLS, pool_maxsize=POOL_SIZE, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = POOLS
        self._pools: dict[tuple[str, str, str | None], Any] = {}

    @cached_property
    def _context(self) -> SSLContext:
        """The TLS context of all connections.

        :raises OSError: the certificates can't be read.
        """
        context = new_context()
        path = self._certificates
        try:
            context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
        except OSError as error:
            raise OSError(f"no certificates can be read from {path}: {error.strerror or error}") from None
        return context

    def check(self) -> None:
        """Load the certificates.

        :raises OSError: they can't be read.
        """
        _ = self._context

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool of an origin; urllib3 takes 20 times as long, for all that could make a difference."""
        parts = urlsplit(str(request.url))
        key = (parts.scheme, parts.netloc, (proxies or {}).get(parts.scheme))
        pool: Any = self._pools.get(key)
        if pool is None:
            if len(self._pools) == MAX_POOLS:  # urllib3 then closes the least recently used one
                self._pools.clear()
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[key] = pool
            pool.max_idle = self._max_idle
            pool.on_connect = lambda opened: self.on_connect(parts.netloc, opened)
        return pool

    def open_ahead(self, url: str, proxies: dict[str, str], timeout: float, *, spare: bool = False) -> None:
        """Open a connection to an origin, unless there is one.

        :param spare: unless two are idle, so that a request takes one and leaves the other.
        :raises OSError, HTTPError: it can't be opened.
        """
        request: Any = requests.PreparedRequest()
        request.url = url
        pool = self.get_connection_with_tls_context(request, True, proxies)
        if not (pool.has_idle(2) if spare else pool.has_connection()):
            pool.open_ahead(timeout)

    def close_idle(self, url: str) -> None:
        """Close an origin's idle connections, after one has died: the others have probably died with it."""
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
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, request: requests.PreparedRequest, response: Any) -> requests.Response:
        return CookielessResponse(response, request)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._context
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = socks_pools() if proxy.startswith("socks") else POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the TLS context verifies."""
