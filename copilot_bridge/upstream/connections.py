"""requests' adapter, less what it does anew for every connection and for every request."""

import select
from functools import cached_property
from http.client import SWITCHING_PROTOCOLS, HTTPResponse, parse_headers
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

# Room in the pool for every stream at once: a connection that does not fit is thrown away and
# the next request pays for a new TLS handshake.
CONNECTIONS = 4096
ORIGINS = 16  # whose connections are kept


class Idle:
    """An idle connection, which is asked before each use whether it is still one.

    gevent's own `poll` goes through the event loop and all that is waiting there, even to look only.
    """

    sock: Any

    @property
    def is_connected(self) -> bool:
        if self.sock is None:
            return False
        if not hasattr(select, "poll"):  # Windows has none
            return not wait_for_read(self.sock, timeout=0.0)
        watch = get_original("select", "poll")()
        watch.register(self.sock, select.POLLIN)
        return not watch.poll(0)  # what comes unasked is its end


class FinalResponse(HTTPResponse):
    """The answer itself: http.client skips 100 alone, and takes a 103 (Early Hints) for the answer."""

    def _read_status(self) -> tuple[str, int, str]:
        told: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        while told[1] < 200 and told[1] != SWITCHING_PROTOCOLS:
            parse_headers(self.fp)
            told = super()._read_status()  # type: ignore[misc]
        return told


class PlainConnection(Idle, HTTPConnection):
    response_class = FinalResponse


class SecureConnection(Idle, HTTPSConnection):
    response_class = FinalResponse


class PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


POOLS = {"http": PlainPool, "https": SecurePool}


class Adapter(HTTPAdapter):
    """Reads the certificates once; requests reads them for each connection, which takes 15 ms.

    :param certificates: a file or a folder of them; True: those that come with requests.
    """

    def __init__(self, certificates: str | bool = True) -> None:
        self._certificates = DEFAULT_CA_BUNDLE_PATH if certificates is True else str(certificates)
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
            raise OSError(f"no certificates can be read from {path}: {error.strerror or error}") from error
        return context

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """An origin's pool; urllib3 takes 20 times as long, for all that could make a difference."""
        parts = urlsplit(str(request.url))
        key = (parts.scheme, parts.netloc, (proxies or {}).get(parts.scheme))
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) == ORIGINS:  # urllib3 closes the one that it was longest not asked for
                self._pools.clear()
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return pool

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
        return super().proxy_manager_for(proxy, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context does."""
