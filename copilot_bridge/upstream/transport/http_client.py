"""One HTTP request to the outside, through the proxy and within the timeouts of the settings."""

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, ConfigError
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.adapter import Adapter
from copilot_bridge.upstream.transport.bodies import MEGABYTE, SIZE_LIMIT
from copilot_bridge.upstream.transport.network_errors import is_stale, network_error
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.proxies import Proxies
from copilot_bridge.upstream.transport.tls import certificates, certificates_variable
from copilot_bridge.upstream.transport.waiting import Timeouts

log = logging.getLogger(__name__)

NETWORK_ERRORS = (requests.RequestException, OSError)


class HttpClient:
    """A pool of keep-alive connections.  Any status is a response; only the network raises."""

    def __init__(self, config: Config) -> None:
        self._session = requests.Session()
        self._adapter = Adapter(certificates(), config.keepalive_expiry)
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        self._timeout = (config.connect_timeout, config.read_timeout)
        self._patience = Patience(config.first_byte_timeout)
        self._size_limit = config.response_limit_mb * MEGABYTE
        self._proxies = Proxies(config)
        self._openings: SingleFlight[None] = SingleFlight()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        timeout: float | None = None,
        kind: str = "",
        background: bool = False,
    ) -> requests.Response:
        """Send a request and return the response, its body still unread.

        A GET that was sent on a connection that proves dead is sent once more on a new one; the callers
        decide what becomes of other requests.

        The request goes straight to requests' adapter: a session looks up netrc, cookies, proxies and
        certificates for each request, which costs more than all the rest.

        :param timeout: seconds between two bytes, instead of `read_timeout`.
        :param kind: of requests whose responses take about as long to begin; by default, the path.
        :param background: nobody waits for the response, so the last idle connection is left to others.
        :raises UpstreamTimeout, UpstreamUnreachable:
        """
        if background:
            self._open_connection(url, spare=True)
        prepared = prepare(method, url, headers, body)
        limits = (self._timeout[0], timeout or self._timeout[1])
        try:
            return self._send(prepared, url, limits, kind or urlsplit(url).path)
        except NETWORK_ERRORS as error:
            self._adapter.close_idle(url)
            if method != "GET" or not is_stale(error):
                raise self._meaning(error, url, limits) from error
        return self._send_again(prepared, url, limits, kind)

    def _send_again(
        self, prepared: requests.PreparedRequest, url: str, limits: tuple[float, float], kind: str
    ) -> requests.Response:
        try:
            return self._send(prepared, url, limits, kind)
        except NETWORK_ERRORS as error:
            raise self._meaning(error, url, limits) from error

    def _send(
        self, prepared: requests.PreparedRequest, url: str, limits: tuple[float, float], kind: str
    ) -> requests.Response:
        timeouts: Any = Timeouts(*limits, self._patience, kind)
        response = self._adapter.send(prepared, stream=True, timeout=timeouts, proxies=self._proxies.of(url))
        setattr(response, SIZE_LIMIT, self._size_limit)
        return response

    def _meaning(self, error: Exception, url: str, limits: tuple[float, float]) -> BridgeError:
        return network_error(error, url, limits, proxied=bool(self._proxies.of(url)))

    def begin_connection(self, url: str) -> None:
        """Begin to open a connection to an origin for the next request, unless there is one.

        If that fails, the request opens its own, and raises the error if it can't.
        """
        self._openings.begin(url, lambda: self._open_connection(url))

    def _open_connection(self, url: str, *, spare: bool = False) -> None:
        try:
            self._adapter.open_ahead(url, self._proxies.of(url), self._timeout[0], spare=spare)
        except (*NETWORK_ERRORS, HTTPError) as error:
            log.debug("no connection was opened ahead: %s", self._meaning(error, url, self._timeout))
        except Exception:
            log.exception("internal error while a connection was opened ahead")

    def on_connect(self, listener: Callable[[str, str], object]) -> None:
        """Call `listener` with the host of each new connection, and "ahead" or "on_demand"."""
        self._adapter.on_connect = listener

    def check(self) -> None:
        """Check the certificates that the environment names.

        Those that come with requests are loaded for the first TLS connection, which takes 30 ms.

        :raises ConfigError: the file holds none.
        """
        if certificates_variable() is None:
            return
        try:
            self._adapter.check()
        except OSError as error:
            raise ConfigError(f"{certificates_variable()} (from the environment): {error}") from error

    def proxy(self, url: str) -> str | None:
        """The proxy of requests to this address."""
        return self._proxies.of(url).get(urlsplit(url).scheme)

    def close(self) -> None:
        self._session.close()


def prepare(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    prepared: Any = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.body = body
    prepared.headers = dict(headers)  # nobody looks for a name in another case
    if body is not None:
        prepared.headers["Content-Length"] = str(len(body))
    return prepared  # type: ignore[no-any-return]


def connect_seconds(response: requests.Response) -> float:
    """The seconds for which the request waited for a new connection."""
    return float(getattr(response.raw, "connect_seconds", 0.0))
