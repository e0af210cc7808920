"""Images behind an address, fetched for clients, because Copilot fetches none itself.

The addresses come from whoever wrote the prompt, so they may aim at what only this machine can reach:
the cloud's metadata service, a router's page, the bridge itself.  The guard:

- A name is resolved once, its addresses are looked at, and the connection is made to one of those that
  passed (`ImageFetcher._connect`, below urllib3's pools).  A name that resolves to something else a
  moment later (DNS rebinding) gains nothing, and any spelling of an address (decimal, hexadecimal,
  an IPv4 address inside an IPv6 one) is judged by what the system makes of it.  TLS still checks the name.
- Each redirect is followed by hand, through the same guard.
- Nothing of ours goes along: no cookies, netrc, authorization or proxy but the one that the bridge uses.
- `LIMIT` seconds in all, a limit on the bytes, and only what begins like an image comes back.

Behind a proxy it is the proxy that connects.  Then the guard looks at addresses in the URL and at what
the name resolves to here, if it does; what the proxy can reach under other names is the proxy's to guard,
and a server that trickles its head is given up only when it pauses for as long as there was time left.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SlowError

from copilot_bridge.config import Config
from copilot_bridge.dialects.adaptation.media import media_type_of_bytes
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.upstream.transport.network_errors import network_error, root_cause
from copilot_bridge.upstream.transport.proxies import Proxies
from copilot_bridge.upstream.transport.tls import certificates

Address = IPv4Address | IPv6Address

LIMIT = 20.0  # seconds for one image, redirects included
REDIRECTS = 3
PIECE = 65536

REDIRECT = (301, 302, 303, 307, 308)

# Some hosts turn away who does not say what they are.
HEADERS = {"User-Agent": "copilot-bridge", "Accept": "image/*", "Accept-Encoding": "identity"}

# The whole tables, because ipaddress's is_global depends on Python's patch level: before 3.11.10 it
# calls most of 192.0.0.0/24 global.  Source: IANA's special-purpose address registries.
NOT_PUBLIC = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a provider's NAT; some clouds keep their metadata here
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by its number, yet Azure's own service for its machines
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
)
GLOBAL_UNICAST = IPv6Network("2000::/3")  # all else is local, multicast or unassigned
NOT_PUBLIC_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052

# "127.1", "0x7f000001", "2130706433": a host that ends in a number is an address (WHATWG URL, 3.5).
NUMERIC = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Whether everybody can reach this address, so that reaching it through us gains nothing."""
    address = unwrapped(address)
    if isinstance(address, IPv6Address):
        return address in GLOBAL_UNICAST and not any(address in network for network in NOT_PUBLIC_6)
    return not any(address in network for network in NOT_PUBLIC)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to: ::ffff:a.b.c.d, 6to4, NAT64."""
    if not isinstance(address, IPv6Address):
        return address
    translated = IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
    return address.ipv4_mapped or address.sixtofour or translated or address


class NoImage(Exception):
    """Why there is no image, in words for the client."""


TOO_SLOW = "its server is too slow"


@dataclass(frozen=True)
class Endpoint:
    """One of the addresses of a name, in the socket module's terms."""

    family: socket.AddressFamily
    place: tuple[Any, ...]

    @property
    def address(self) -> Address:
        return ip_address(self.place[0])


def resolve(host: str, port: int) -> list[Endpoint]:
    """Raises NoImage: there is no such name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoImage(f"there is no host {host}") from error
    return [Endpoint(family, place) for family, _, _, _, place in found]


class Deadline:
    """The time that one fetch may take; a context that lasts as long as the fetch.

    A socket's timeout starts anew with each byte, and most reading is done by libraries.  So every
    connection is watched by a second handle, and at the end of the time all are shut down, which
    wakes up whoever reads from them.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._handles: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        for handle in self._handles:
            handle.close()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds, more than 0.  Raises NoImage: the time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise NoImage(TOO_SLOW)
        return left

    def watch(self, connection: socket.socket) -> None:
        self._handles.append(connection.dup())
        if self.over:  # the timer may have passed by already
            self._hang_up()

    def _hang_up(self) -> None:
        for handle in list(self._handles):
            with suppress(OSError):  # the server was faster
                handle.shutdown(socket.SHUT_RDWR)


Connect = Callable[[HTTPConnection], socket.socket]


class GuardedAdapter(HTTPAdapter):
    """requests' adapter, except that `connect` makes the connections, unless a proxy does."""

    def __init__(self, connect: Connect) -> None:
        self._pools = guarded_pools(connect)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def guarded_pools(connect: Connect) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools with another way to open a socket; everything above the socket is theirs."""

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


class ImageFetcher:
    """Fetches images from public addresses only; the module's docstring says how that is ensured.

    :param allowed: which addresses may be connected to.
    """

    def __init__(self, client_config: Config, allowed: Callable[[Address], bool] = is_public) -> None:
        self._config = client_config
        self._allowed = allowed
        self._verify = certificates()

    def fetch(
        self, url: str, *, media_types: Collection[str], max_bytes: int, param: str
    ) -> tuple[str, bytes]:
        """The image's media type, told by its first bytes, and the image.

        :param media_types: those that the model takes, like "image/png".
        :param param: the field of the client's request that holds the address.
        :raises InvalidRequest: there is no such image for us, and why.
        :raises UpstreamUnreachable: the bridge's own proxy can't be reached, or refuses.
        """
        try:
            with Deadline(LIMIT) as deadline:
                image = self._download(url, max_bytes, deadline)
            return accepted_type(image, media_types), image
        except NoImage as error:
            raise InvalidRequest(f"this image can't be used: {error}", param=param) from error

    def _download(self, url: str, max_bytes: int, deadline: Deadline) -> bytes:
        with closing(GuardedAdapter(partial(self._connect, deadline))) as adapter:
            for _ in range(1 + REDIRECTS):
                request = prepared(url)
                with closing(self._send(adapter, request, deadline)) as response:
                    if response.status_code not in REDIRECT:
                        return read_image(response, max_bytes, deadline)
                    url = target(str(request.url), response)
        raise NoImage(f"its address redirects more than {REDIRECTS} times")

    def _send(
        self, adapter: GuardedAdapter, request: requests.PreparedRequest, deadline: Deadline
    ) -> requests.Response:
        url = str(request.url)
        # Made anew because it remembers every origin, and clients can name any number of them.
        proxies = Proxies(self._config).of(url)
        if proxies:
            self._check_for_proxy(urlsplit(url).hostname or "")
        limits = (min(self._config.connect_timeout, deadline.left()), deadline.left())
        try:
            return adapter.send(request, stream=True, timeout=limits, verify=self._verify, proxies=proxies)
        except requests.exceptions.ProxyError as error:
            raise network_error(error, url, limits) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            reason = f"its server can't be talked to: {root_cause(error)}"
            raise failure(error, deadline, reason) from error

    def _connect(self, deadline: Deadline, connection: HTTPConnection) -> socket.socket:
        """A connection to one of the name's allowed addresses, the first that answers."""
        host, port = connection._dns_host, connection.port or connection.default_port
        endpoints = [each for each in resolve(host, port) if self._allowed(each.address)]
        if not endpoints:
            raise not_public(host)
        reason = ""
        for endpoint in endpoints:
            patience = min(self._config.connect_timeout, deadline.left())
            try:
                connected = open_socket(endpoint, patience)
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            deadline.watch(connected)
            return connected
        raise NoImage(f"no connection to {host}: {reason}")

    def _check_for_proxy(self, host: str) -> None:
        """The proxy will choose among the name's addresses, so all of them have to be allowed."""
        try:
            endpoints = resolve(host, 0)
        except NoImage:
            if NUMERIC.search(host):
                raise
            return  # a name that only the proxy can resolve
        if not all(self._allowed(each.address) for each in endpoints):
            raise not_public(host)


def not_public(host: str) -> NoImage:
    return NoImage(f"{host} has no public address; send the image itself, as base64")


def open_socket(endpoint: Endpoint, patience: float) -> socket.socket:
    """Not socket.create_connection: that would look the address up once more."""
    connected = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        connected.settimeout(patience)
        connected.connect(endpoint.place)
    except BaseException:
        connected.close()
        raise
    return connected


def prepared(url: str) -> requests.PreparedRequest:
    """The request, its URL in the one form that is both judged and sent.  Raises NoImage."""
    try:
        request = requests.Request("GET", url, headers=HEADERS).prepare()
        parts = urlsplit(str(request.url))
    except (requests.RequestException, ValueError) as error:
        raise NoImage("its address is no URL that can be read") from error
    if parts.scheme not in ("http", "https"):
        raise NoImage("its address has to begin with https:// or http://")
    if "@" in parts.netloc:
        raise NoImage("its address holds a user name or password")
    return request


def target(url: str, response: requests.Response) -> str:
    """Where a redirect leads to."""
    location = response.headers.get("Location")
    if not location:
        raise NoImage(f"its server answered with status {response.status_code} and no new address")
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise NoImage("its server redirects to what is no URL") from error


def read_image(response: requests.Response, max_bytes: int, deadline: Deadline) -> bytes:
    """The body of a good answer.  Raises NoImage: it is none, too large, too slow or cut off."""
    if response.status_code != 200:
        raise NoImage(f"its server answered with status {response.status_code}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoImage("its server sends it compressed, which was not asked for")
    expected = response.raw.length_remaining
    if expected is not None and expected > max_bytes:
        raise too_large(max_bytes)
    body = bytearray()
    try:
        while piece := response.raw.read1(PIECE, decode_content=False):
            body += piece
            if len(body) > max_bytes:
                raise too_large(max_bytes)
            deadline.left()
    except (HTTPError, OSError) as error:  # of a body that is too short, too
        raise failure(error, deadline, "its server breaks off in the middle of it") from error
    deadline.left()  # where no length was told, being shut down looks like the end
    return bytes(body)


def too_large(max_bytes: int) -> NoImage:
    return NoImage(f"it is larger than the {max_bytes} bytes that the model takes")


def failure(error: Exception, deadline: Deadline, otherwise: str) -> NoImage:
    """What a network error means: when the time is over, being hung up on takes many forms."""
    slow = deadline.over or isinstance(error, TimeoutError | SlowError | requests.Timeout)
    return NoImage(TOO_SLOW if slow else otherwise)


def accepted_type(image: bytes, media_types: Collection[str]) -> str:
    """Raises NoImage: it is no image, or of a type that the model does not take."""
    found = media_type_of_bytes(image)
    if found is None or not found.startswith("image/"):
        raise NoImage("what is there is no PNG, JPEG, GIF, WebP or HEIC image")
    if found not in media_types:
        raise NoImage(f"it is {found}; this model takes {', '.join(sorted(media_types)) or 'no images'}")
    return found
