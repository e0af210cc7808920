"""Checks where a request comes from, and rejects requests of other sites' web pages.

Three rules protect against pages that the user happens to visit.  A foreign Host means that someone's DNS
points at the bridge (rebinding).  A foreign Origin or a cross-site Sec-Fetch-Site means that another site's
page sends the request.  And headers forbid other sites to embed or read a response.

werkzeug's ProxyFix does not fit: it counts hops, where the bridge trusts proxies by their address.
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

# Values of Sec-Fetch-Site for requests that another site's page has caused.
CROSS_SITE = ("cross-site", "same-site")

# The schemes of pages in desktop programs, which no web page has; Ollama allows the same by default.  Those
# of browser extensions are missing: any extension would be allowed.
PROGRAM_SCHEMES = ("app", "tauri", "vscode-webview", "vscode-file")

# On every response: other sites must not embed it, and browsers must not guess its type.
SECURITY_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}


class RequestOrigin(NamedTuple):
    """The headers that show a request's origin.  `peer`: the connection's other end; "" for a Unix socket."""

    peer: str
    host: str
    scheme: str
    origin: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""
    forwarded_for: str = ""

    @property
    def from_page(self) -> bool:
        """Return whether a web page of any site has sent the request."""
        return bool(self.origin) or self.fetch_site in CROSS_SITE


class OriginPolicy:
    """The hosts, origins and proxies that the settings allow."""

    def __init__(self, config: Config) -> None:
        self._hosts = frozenset((*config.allowed_host, config.host.lower(), *machine_names(config.host)))
        self._origins = frozenset(config.cors_origin)
        self._proxies = [ip_network(network, strict=False) for network in config.trusted_proxy]
        # The same few addresses come again and again, and parsing one is slow.
        self._locate_cached = lru_cache(CACHE_SIZE)(self._locate)
        self.is_own_host = lru_cache(CACHE_SIZE)(self._is_own_host)

    def check(self, request: RequestOrigin) -> None:
        """Rejects foreign hosts and cross-site requests.  Raises BridgeError "permission"."""
        if not self.is_own_host(request.host):
            option = f"--allowed-host {hostname(request.host)}"
            raise BridgeError(f"host {request.host!r} is not allowed; add {option}", kind="permission")
        if not request.origin and not request.fetch_site:
            return
        if self.allows(request.origin):
            return
        if request.origin and not self._is_harmless(request):
            raise BridgeError(
                f"origin {request.origin!r} is not allowed; add --cors-origin {request.origin}",
                kind="permission",
            )
        if request.fetch_site in CROSS_SITE and request.fetch_mode != "navigate":
            raise BridgeError("cross-site requests of web pages are not allowed", kind="permission")

    def allows(self, origin: str) -> bool:
        """Return whether an origin may read responses: --cors-origin names it, or it is a program's."""
        plain = origin.lower()
        scheme, _, host = plain.partition("://")
        return plain in self._origins or (scheme in PROGRAM_SCHEMES and host != "")

    def _is_own_host(self, host: str) -> bool:
        """Return whether a Host header names the bridge.

        Any IP address does: someone else's DNS can point only names at the bridge.
        """
        name = hostname(host)
        return not host or name in self._hosts or is_loopback(name) or parse_address(name) is not None

    def _is_harmless(self, request: RequestOrigin) -> bool:
        """Return whether the origin is the bridge's own, or a program's (app://…, vscode-webview://…).

        "null" is the origin of any sandboxed frame or file, and so never harmless.
        """
        try:
            origin = urlsplit(request.origin.lower())
        except ValueError:
            return False
        if origin.scheme in ("http", "https"):
            return (origin.scheme, origin.netloc) == (request.scheme, request.host.lower())
        return bool(origin.scheme and origin.netloc)

    def locate(self, request: RequestOrigin) -> tuple[str, bool]:
        """The client's address by trusted proxies only, and whether every hop is on this machine."""
        return self._locate_cached(request.peer, request.forwarded_for)

    def _locate(self, peer: str, forwarded_for: str) -> tuple[str, bool]:
        route = [*self._route(peer, forwarded_for)]
        untrusted_hops = (hop for hop in route if not self._is_proxy(hop))
        client = next(untrusted_hops, route[-1] if route else "unix")
        return client, all(is_loopback(hop) for hop in route)

    def _route(self, peer: str, forwarded_for: str) -> Iterator[str]:
        """The hops from the bridge outwards, up to the first untrusted one."""
        if peer:
            # A dual-stack socket reports an IPv4 address as a mapped IPv6 address.
            yield peer.removeprefix("::ffff:") if "." in peer else peer
        if not forwarded_for or not self.is_trusted_proxy(peer):
            return
        for hop in reversed(forwarded_for.split(",")):
            address = hostname(hop.strip())
            yield address
            if not self._is_proxy(address):
                return

    def is_trusted_proxy(self, peer: str) -> bool:
        """Return whether a peer's forwarding headers are trusted.  A peer on the Unix socket always is."""
        return not peer or self._is_proxy(peer)

    def _is_proxy(self, host: str) -> bool:
        address = parse_address(host)
        return address is not None and any(address in network for network in self._proxies)


def machine_names(host: str) -> tuple[str, ...]:
    """The names of this machine, if other machines can reach the bridge."""
    if is_loopback(host):
        return ()
    name = socket.gethostname().lower()
    return (name, f"{name}.local")


def hostname(host: str) -> str:
    """Strips the port, and the brackets of an IPv6 address."""
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
