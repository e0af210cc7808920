"""The guarded fetch of whatever is behind an address.

The addresses come from whoever wrote the prompt, or from a model, so they may aim at what only this machine
can reach: the cloud's metadata service, a router's page, the bridge itself.  The guard:

- A name is resolved once, its addresses are looked at, and the connection is made to one of those that
  passed (`PublicFetcher._connect`, below urllib3's pools).  A name that resolves to something else a
  moment later (DNS rebinding) gains nothing, and any spelling of an address (decimal, hexadecimal,
  an IPv4 address inside an IPv6 one) is judged as the system reads it.  TLS still checks the name.
- Each redirect is followed by hand, through the same guard.
- Nothing of ours goes along: no cookies, netrc, authorization or proxy but the one that the bridge uses.
- `TIME_LIMIT` seconds in all, and a limit on the bytes.

Behind a proxy it is the proxy that connects.  Then the guard looks at addresses in the URL and at what
the name resolves to here, if it does; what the proxy can reach under other names is the proxy's to guard,
and a server that trickles its head is given up only when it pauses for as long as there was time left.
"""

import socket
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SlowError

from copilot_bridge.config import Config
from copilot_bridge.upstream.public_web.addresses import NUMERIC, Address, is_public, resolve
from copilot_bridge.upstream.public_web.deadline import Deadline
from copilot_bridge.upstream.public_web.errors import TOO_SLOW, FetchError, NotPublic
from copilot_bridge.upstream.public_web.guarded_adapter import GuardedAdapter, open_socket
from copilot_bridge.upstream.transport.network_errors import network_error, root_cause
from copilot_bridge.upstream.transport.proxies import Proxies
from copilot_bridge.upstream.transport.tls import certificates

TIME_LIMIT = 20.0  # seconds for one fetch, redirects included
MAX_REDIRECTS = 3
READ_SIZE = 65536

REDIRECT_STATUSES = (301, 302, 303, 307, 308)

# Some hosts refuse requests without a User-Agent.
HEADERS = {"User-Agent": "copilot-bridge", "Accept-Encoding": "identity"}


class Fetched(NamedTuple):
    """The content behind an address.

    :param url: where it was at last.  :param media_type: as its server says, in lower case; "": it does not.
    """

    url: str
    media_type: str
    content: bytes


class PublicFetcher:
    """Fetches from public addresses only; the module's docstring says how that is ensured.

    :param allowed: which addresses may be connected to.
    """

    def __init__(self, client_config: Config, allowed: Callable[[Address], bool] = is_public) -> None:
        self._config = client_config
        self._allowed = allowed
        self._verify = certificates()

    def fetch(self, url: str, accept: str, max_bytes: int) -> Fetched:
        """Fetch what is behind an address.

        :param accept: the media types that are wanted, as the header says it.
        :raises FetchError: it can't be fetched.
        :raises UpstreamUnreachable: the bridge's own proxy can't be reached, or refuses.
        """
        with Deadline(TIME_LIMIT) as deadline:
            return self._download(url, accept, max_bytes, deadline)

    def _download(self, url: str, accept: str, max_bytes: int, deadline: Deadline) -> Fetched:
        with closing(GuardedAdapter(partial(self._connect, deadline))) as adapter:
            for _ in range(1 + MAX_REDIRECTS):
                request = prepared(url, accept)
                with closing(self._send(adapter, request, deadline)) as response:
                    if response.status_code not in REDIRECT_STATUSES:
                        content = read_body(response, max_bytes, deadline)
                        return Fetched(str(request.url), media_type_of(response), content)
                    url = target(str(request.url), response)
        raise FetchError(f"its address redirects more than {MAX_REDIRECTS} times")

    def _send(
        self, adapter: GuardedAdapter, request: requests.PreparedRequest, deadline: Deadline
    ) -> requests.Response:
        url = str(request.url)
        # A new one each time: it caches every origin, and clients can name any number of them.
        proxies = Proxies(self._config).of(url)
        if proxies:
            self._check_for_proxy(urlsplit(url).hostname or "")
        limits = (min(self._config.connect_timeout, deadline.remaining()), deadline.remaining())
        try:
            return adapter.send(request, stream=True, timeout=limits, verify=self._verify, proxies=proxies)
        except requests.exceptions.ProxyError as error:
            raise network_error(error, url, limits) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            reason = f"the connection to its server failed: {root_cause(error)}"
            raise failure(error, deadline, reason) from error

    def _connect(self, deadline: Deadline, connection: HTTPConnection) -> socket.socket:
        """Connect to the first of the name's allowed addresses that accepts."""
        host, port = connection._dns_host, connection.port or connection.default_port
        endpoints = [endpoint for endpoint in resolve(host, port) if self._allowed(endpoint.address)]
        if not endpoints:
            raise not_public(host)
        reason = ""
        for endpoint in endpoints:
            timeout = min(self._config.connect_timeout, deadline.remaining())
            try:
                connected = open_socket(endpoint, timeout)
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            deadline.watch(connected)
            return connected
        raise FetchError(f"no connection to {host}: {reason}")

    def _check_for_proxy(self, host: str) -> None:
        """Check all addresses of a name, because the proxy will choose among them."""
        try:
            endpoints = resolve(host, 0)
        except FetchError:
            if NUMERIC.search(host):
                raise
            return  # a name that only the proxy can resolve
        if not all(self._allowed(endpoint.address) for endpoint in endpoints):
            raise not_public(host)


def not_public(host: str) -> NotPublic:
    return NotPublic(f"{host} has no public address")


def prepared(url: str, accept: str) -> requests.PreparedRequest:
    """The request, with the URL in the one form that is both checked and sent.

    :raises FetchError: the address is malformed, or of a kind that is not fetched.
    """
    try:
        request = requests.Request("GET", url, headers=HEADERS | {"Accept": accept}).prepare()
        parts = urlsplit(str(request.url))
    except (requests.RequestException, ValueError) as error:
        raise FetchError("its address is not a valid URL") from error
    if parts.scheme not in ("http", "https"):
        raise FetchError("its address has to begin with https:// or http://")
    if "@" in parts.netloc:
        raise FetchError("its address holds a user name or password")
    return request


def target(url: str, response: requests.Response) -> str:
    """The target of a redirect."""
    location = response.headers.get("Location")
    if not location:
        raise FetchError(f"its server responded with status {response.status_code} and no new address")
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchError("its server redirects to an invalid URL") from error


def read_body(response: requests.Response, max_bytes: int, deadline: Deadline) -> bytes:
    """The body of a successful response.

    :raises FetchError: the response is an error, too large, too slow or incomplete.
    """
    if response.status_code != 200:
        raise FetchError(f"its server responded with status {response.status_code}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("its server sends it compressed, though the request did not allow that")
    expected = response.raw.length_remaining
    if expected is not None and expected > max_bytes:
        raise too_large(max_bytes)
    body = bytearray()
    try:
        while piece := response.raw.read1(READ_SIZE, decode_content=False):
            body += piece
            if len(body) > max_bytes:
                raise too_large(max_bytes)
            deadline.remaining()
    except (HTTPError, OSError) as error:  # also for a body that is too short
        raise failure(error, deadline, "its server ended the response before it was complete") from error
    deadline.remaining()  # without a known length, the deadline's shutdown looks like the end
    return bytes(body)


def too_large(max_bytes: int) -> FetchError:
    return FetchError(f"it is larger than the maximum of {max_bytes} bytes")


def failure(error: Exception, deadline: Deadline, otherwise: str) -> FetchError:
    """The meaning of a network error; after the deadline, many errors mean its shutdown."""
    slow = deadline.is_over or isinstance(error, TimeoutError | SlowError | requests.Timeout)
    return FetchError(TOO_SLOW if slow else otherwise)


def media_type_of(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
