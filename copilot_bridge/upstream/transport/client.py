"""One HTTP request to the outside: connections, proxies, timeouts, and what network errors mean."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError

from copilot_bridge.config import Config
from copilot_bridge.errors import (
    BridgeError,
    ConfigError,
    StreamCut,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.upstream.transport.connections import Adapter, Stale, Times
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.proxies import Proxies

END_PATIENCE = 1.0  # seconds

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

MEGABYTE = 1024 * 1024
USUAL_MOST = 64 * MEGABYTE  # bytes of an answer that comes in one piece, where nobody says otherwise
MOST = "most_bytes"  # the attribute of a response that says so
LONGEST_END = 65536  # bytes after the last event of a stream

# What an error page may hold; nobody reads more of one.
ERROR_BODY = 65536


class Client:
    """A session with keep-alive connections.  Any status is an answer; only the network raises."""

    def __init__(self, config: Config) -> None:
        self._session = requests.Session()
        self._adapter = Adapter(certificates(), config.keepalive_expiry)
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        self._timeout = (config.connect_timeout, config.read_timeout)
        self._patience = Patience(config.first_byte_timeout)
        self._most = config.answer_limit * MEGABYTE
        self._proxies = Proxies(config)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        timeout: float | None = None,
        kind: str = "",
    ) -> requests.Response:
        """The answer, its body still unread.

        A GET that was sent on a connection that proves dead is sent once more on a new one; what becomes of
        other requests their sender decides.

        The request goes straight to requests' adapter: sessions look up netrc, cookies, proxies and
        certificates for each one, which costs more than the rest of the way.

        :param timeout: seconds between two bytes, where the usual `read_timeout` is too patient.
        :param kind: of requests whose answers take about as long to begin; else those of the path.
        :raises UpstreamTimeout, UpstreamUnreachable:
        """
        prepared = prepare(method, url, headers, body)
        limits = (self._timeout[0], timeout or self._timeout[1])
        try:
            return self._sent(prepared, url, limits, kind or urlsplit(url).path)
        except (requests.RequestException, OSError) as error:
            self._adapter.close_idle(url)
            unreachable = network_error(error, url, limits, proxied=bool(self._proxies.of(url)))
            if method != "GET" or not any(isinstance(each, Stale) for each in causes(error)):
                raise unreachable from error
        try:
            return self._sent(prepared, url, limits, kind)
        except (requests.RequestException, OSError) as error:
            raise network_error(error, url, limits, proxied=bool(self._proxies.of(url))) from error

    def _sent(
        self, prepared: requests.PreparedRequest, url: str, limits: tuple[float, float], kind: str
    ) -> requests.Response:
        times: Any = Times(*limits, self._patience, kind)
        response = self._adapter.send(prepared, stream=True, timeout=times, proxies=self._proxies.of(url))
        setattr(response, MOST, self._most)
        return response

    def check(self) -> None:
        """Raises ConfigError: what the environment names as certificates are none."""
        try:
            self._adapter.check()
        except OSError as error:
            raise ConfigError(f"{named_certificates()} (from the environment): {error}") from error

    def proxy(self, url: str) -> str | None:
        """The one that requests to this address take."""
        return self._proxies.of(url).get(urlsplit(url).scheme)

    def close(self) -> None:
        self._session.close()


def certificates(environ: Mapping[str, str] = os.environ) -> str | bool:
    """The certificates that the environment names, as requests and curl do; True: requests' own."""
    name = named_certificates(environ)
    return environ[name] if name else True


def named_certificates(environ: Mapping[str, str] = os.environ) -> str | None:
    """The variable that names them."""
    return next(filter(environ.get, CA_VARIABLES), None)


def prepare(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict(headers)
    prepared.body = body
    prepared.hooks = default_hooks()
    if body is not None:
        prepared.headers["Content-Length"] = str(len(body))
    return prepared


def read_whole(response: requests.Response) -> bytes:
    """The body, unpacked.  Raises StreamCut: it broke off; UpstreamTimeout: it stopped; UpstreamRefused: it
    is larger than an answer may be.
    """
    most: int = getattr(response, MOST, USUAL_MOST)
    packed = "Content-Encoding" in response.raw.headers
    body = b""
    try:
        # At once: `response.content` goes in steps of 10 kB, which takes longer than all else.  What is
        # packed is unpacked in steps, so it never takes more memory than is asked for.
        while len(body) <= most and (piece := response.raw.read(most + 1 - len(body), decode_content=packed)):
            body = body + piece if body else bytes(piece)
    except (HTTPError, OSError) as error:
        raise broken_off(error) from error
    if len(body) > most:
        response.close()
        raise too_large(most)
    return body


def too_large(most: int) -> UpstreamRefused:
    return UpstreamRefused(f"the answer is larger than {most // MEGABYTE} MB", code="answer_too_large")


def finish(response: requests.Response) -> None:
    """Read the end of a body of which nothing more is wanted, if it comes soon and is short.

    A connection whose answer was not read to its end can't be used again.
    """
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    if sock is None:
        return
    sock.settimeout(END_PATIENCE)
    with suppress(HTTPError, OSError):
        if len(response.raw.read(LONGEST_END, decode_content=False)) < LONGEST_END:
            return
    response.close()


def read_error_body(response: requests.Response) -> bytes:
    """The start of a refusal's body.  A body that can't be read is as good as none."""
    try:
        return bytes(response.raw.read(ERROR_BODY, decode_content=True) or b"")
    except Exception:  # noqa: BLE001 - urllib3's own family, zlib's, the socket's: the status says enough
        return b""
    finally:
        response.close()


def network_error(
    error: Exception, url: str, limits: tuple[float, float], *, proxied: bool = False
) -> BridgeError:
    """What an error means when there was no answer.  `limits`: seconds to connect, and between bytes."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, requests.ConnectTimeout):
        return UpstreamTimeout(f"no connection to {host} within {limits[0]:g} s")
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return UpstreamTimeout(f"no answer from {host} for {limits[1]:g} s")
    if isinstance(error, requests.exceptions.ProxyError) or proxied:
        says = f"can't reach {host} through the proxy"
    elif isinstance(error, requests.exceptions.SSLError):
        says = f"no secure connection to {host}"
    else:
        says = f"can't reach {host}"
    unreachable = UpstreamUnreachable(f"{says}: {root_cause(error)}")
    unreachable.unsent = is_unsent(error)
    return unreachable


def is_unsent(error: BaseException) -> bool:
    """There was no connection yet, or no tunnel through the proxy, or the other side's TCP has not
    acknowledged it: so nobody can have read the request.
    """
    return isinstance(error, requests.exceptions.ProxyError) or any(
        isinstance(each, NewConnectionError) or (isinstance(each, Stale) and each.unsent)
        for each in causes(error)
    )


def broken_off(error: Exception) -> BridgeError:
    """What an error means when the answer had begun already."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return UpstreamTimeout("upstream stopped in the middle of its answer")
    return StreamCut(f"upstream's answer broke off: {root_cause(error)}")


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: requests wraps urllib3's, which wraps the system's."""
    seen: object = error
    for _ in range(9):
        if not isinstance(seen, BaseException):
            return
        yield seen
        before = None if seen.__suppress_context__ else seen.__context__
        inner = getattr(seen, "reason", None) or seen.__cause__ or before
        seen = inner or next((each for each in seen.args if isinstance(each, BaseException)), None)


def root_cause(error: BaseException) -> str:
    """Only the last one says something."""
    *_, seen = causes(error)
    reason = getattr(seen, "strerror", None) or str(seen)
    return " ".join(reason.split()) or type(seen).__name__
