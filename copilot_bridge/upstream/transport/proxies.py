"""Which proxy a request takes: the setting's, or the environment's in the order of curl and requests."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback, proxy_url
from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import without_password

# Scheme -> the variables that name its proxy; the first one counts, and its spelling in lower case first.
VARIABLES = {"https": ("HTTPS_PROXY", "ALL_PROXY"), "http": ("HTTP_PROXY", "ALL_PROXY")}


class Proxies:
    """The proxy for each address, found once at start.

    :raises ConfigError: what the environment names is none.
    """

    def __init__(self, config: Config, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ if config.proxy_env else {}
        self._no_proxy = read_either_case(self._environ, "NO_PROXY") or ""
        self._given = config.proxy
        self._known: dict[str, dict[str, str]] = {}
        self._for("https")

    def _for(self, scheme: str) -> str | None:
        if self._given:
            return self._given
        for name in VARIABLES.get(scheme, ()):
            if given := read_either_case(self._environ, name):
                try:
                    return proxy_url(given)
                except ValueError as error:
                    shown = repr(without_password(given))
                    raise ConfigError(f"{name} (from the environment): {shown}: {error}") from error
        return None

    def of(self, url: str) -> dict[str, str]:
        """In requests' shape.  Loopback is never proxied: the simulator lives there."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._known:
            host = parts.hostname or ""
            direct = is_loopback(host) or goes_direct(host, parts.port, self._no_proxy)
            proxy = None if direct else self._for(parts.scheme)
            self._known[origin] = {"http": proxy, "https": proxy} if proxy else {}
        return self._known[origin]


def goes_direct(host: str, port: int | None, no_proxy: str) -> bool:
    """NO_PROXY as curl, requests, Go and wget read it.

    Names and what is below them (`a.example`, `.a.example`, `*.a.example`), addresses and networks, each with
    a port or without, between commas or blanks; `*` is everything.
    """
    host = host.lower().rstrip(".")
    return any(fits(each.lower(), host, port) for each in re.split(r"[,\s]+", no_proxy) if each)


def fits(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if (
        found := re.fullmatch(r"(.+?|\[.+\]):(\d+)", entry)
        if entry.count(":") == 1 or "]:" in entry
        else None
    ):
        entry = found[1]
        if int(found[2]) != (port or 443):
            return False
    entry = entry.removeprefix("*").strip(".").removeprefix("[").removesuffix("]")
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def read_either_case(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name.lower()) or environ.get(name)
