"""The proxy of a request: the setting's, or the environment's in the order of curl and requests."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback, proxy_url
from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import without_password

# Scheme -> the variables that name its proxy; the first one counts, in lower case before upper case.
VARIABLES = {"https": ("HTTPS_PROXY", "ALL_PROXY"), "http": ("HTTP_PROXY", "ALL_PROXY")}


class Proxies:
    """The proxy of each address.

    :raises ConfigError: a variable of the environment holds no address of a proxy.
    """

    def __init__(self, config: Config, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ if config.proxy_env else {}
        self._no_proxy = read_either_case(self._environ, "NO_PROXY") or ""
        self._configured = config.proxy
        self._by_origin: dict[str, dict[str, str]] = {}
        self._for_scheme("https")

    def _for_scheme(self, scheme: str) -> str | None:
        if self._configured:
            return self._configured
        for name in VARIABLES.get(scheme, ()):
            if value := read_either_case(self._environ, name):
                try:
                    return proxy_url(value)
                except ValueError as error:
                    shown = repr(without_password(value))
                    raise ConfigError(f"{name} (from the environment): {shown}: {error}") from error
        return None

    def of(self, url: str) -> dict[str, str]:
        """The proxies for an address, in requests' form.  Loopback has none: the simulator runs there."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._by_origin:
            host = parts.hostname or ""
            excluded = is_loopback(host) or is_excluded(host, parts.port, self._no_proxy)
            proxy = None if excluded else self._for_scheme(parts.scheme)
            self._by_origin[origin] = {"http": proxy, "https": proxy} if proxy else {}
        return self._by_origin[origin]


def is_excluded(host: str, port: int | None, no_proxy: str) -> bool:
    """Read NO_PROXY as curl, requests, Go and wget do.

    Names with their subdomains (`a.example`, `.a.example`, `*.a.example`), addresses and networks, each with
    or without a port, separated by commas or blanks; `*` is everything.
    """
    host = host.lower().rstrip(".")
    return any(matches(entry.lower(), host, port) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def matches(entry: str, host: str, port: int | None) -> bool:
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
