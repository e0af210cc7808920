"""Where a request comes from, as far as that can be known, and whether a web page has sent it.

Three rules keep out pages that the user happens to visit.  A name that is not ours means that somebody's
DNS points at us (rebinding).  A foreign Origin, or a browser's word that the request crosses sites, means
that another site's page sends it.  And no answer may be embedded or read elsewhere.
"""

import socket
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback
from copilot_bridge.errors import BridgeError

Address = IPv4Address | IPv6Address

CACHE_SIZE = 1024

# What a browser says of a request that another site's page has caused.
CROSS_SITE = ("cross-site", "same-site")

# On every answer: it is not to be embedded in others' pages, nor taken for anything but what it says it is.
SECURITY_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}


class RequestOrigin(NamedTuple):
    """What a request says of itself.  `peer`: the other end of the connection; "" for a Unix socket."""

    peer: str
    host: str
    scheme: str
    origin: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""
    forwarded_for: str = ""

    @property
    def from_page(self) -> bool:
        """A page has sent it, of whatever site."""
        return bool(self.origin) or self.fetch_site in CROSS_SITE


class OriginPolicy:
    """Judges visits."""

    def __init__(self, config: Config) -> None:
        self._hosts = frozenset((*config.allowed_host, config.host.lower(), *machine_names(config.host)))
        self._origins = frozenset(config.cors_origin)
        self._proxies = [ip_network(each, strict=False) for each in config.trusted_proxy]
        # The same few come again and again, and an address takes its time to read.
        self._locate_cached = lru_cache(CACHE_SIZE)(self._locate)
        self.is_own_host = lru_cache(CACHE_SIZE)(self._is_own_host)

    def check(self, request: RequestOrigin) -> None:
        """Raises BridgeError "permission"."""
        if not self.is_own_host(request.host):
            raise BridgeError(
                f"host {request.host!r} is not allowed: add it with --allowed-host", kind="permission"
            )
        if not request.origin and not request.fetch_site:
            return
        if self.allows(request.origin):
            return
        if request.origin and not self._is_harmless(request):
            raise BridgeError(
                f"requests from web pages ({request.origin}) are not answered: --cors-origin lets one in",
                kind="permission",
            )
        if request.fetch_site in CROSS_SITE and request.fetch_mode != "navigate":
            raise BridgeError("requests from other sites' pages are not answered", kind="permission")

    def allows(self, origin: str) -> bool:
        """The operator has named this page's origin."""
        return origin.lower() in self._origins

    def _is_own_host(self, host: str) -> bool:
        """An address is always right: only a name can be pointed at us by somebody else's DNS."""
        name = hostname(host)
        return not host or name in self._hosts or is_loopback(name) or parse_address(name) is not None

    def _is_harmless(self, request: RequestOrigin) -> bool:
        """Our own pages, and programs: their origins (app://..., vscode-webview://...) are no websites'.

        "null" may be anybody's: a sandboxed frame, a file.
        """
        try:
            origin = urlsplit(request.origin.lower())
        except ValueError:
            return False
        if origin.scheme in ("http", "https"):
            return (origin.scheme, origin.netloc) == (request.scheme, request.host.lower())
        return bool(origin.scheme and origin.netloc)

    def locate(self, request: RequestOrigin) -> tuple[str, bool]:
        """The address of who asks, as far as it can be believed, and whether all is on this machine."""
        return self._locate_cached(request.peer, request.forwarded_for)

    def _locate(self, peer: str, forwarded_for: str) -> tuple[str, bool]:
        route = [*self._route(peer, forwarded_for)]
        untrusted_hops = (each for each in route if not self._trusts(each))
        client = next(untrusted_hops, route[-1] if route else "unix")
        return client, all(is_loopback(each) for each in route)

    def _route(self, peer: str, forwarded_for: str) -> Iterator[str]:
        """From us outwards, as far as it can be believed."""
        if peer:
            # A socket for both families tells an address of IPv4 as one of IPv6.
            yield peer.removeprefix("::ffff:") if "." in peer else peer
        if not forwarded_for or not self.trusts(peer):
            return
        for each in reversed(forwarded_for.split(",")):
            address = hostname(each.strip())
            yield address
            if not self._trusts(address):
                return

    def trusts(self, peer: str) -> bool:
        """It may say on whose behalf it asks.  Whoever can reach our Unix socket may, too."""
        return not peer or self._trusts(peer)

    def _trusts(self, given: str) -> bool:
        address = parse_address(given)
        return address is not None and any(address in network for network in self._proxies)


def machine_names(host: str) -> tuple[str, ...]:
    """Of this machine, where others may call it."""
    if is_loopback(host):
        return ()
    name = socket.gethostname().lower()
    return (name, f"{name}.local")


def hostname(host: str) -> str:
    """Without the port and the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.lower() if host.count(":") > 1 else host.partition(":")[0].lower()


def parse_address(host: str) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
