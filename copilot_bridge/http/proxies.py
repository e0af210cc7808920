"""Applies the X-Forwarded-* headers of trusted proxies: the prefix, scheme and host of the public URL.

The headers count only from a trusted proxy, and only if the Host is ours already: a page with a rebound DNS
name controls its headers, so X-Forwarded-Host must not make a foreign Host valid.  werkzeug's ProxyFix does
not fit, because it trusts a number of hops from any peer.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from copilot_bridge.access.origins import OriginPolicy

PREFIX = re.compile(r"(?:/[\w.~-]+)+")
FORWARDED_HEADERS = ("HTTP_X_FORWARDED_PREFIX", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
SCHEMES = ("http", "https")

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class ProxyHeaders:
    """WSGI middleware: writes the headers of a trusted proxy to the environment."""

    def __init__(self, application: Application, policy: OriginPolicy) -> None:
        self._application = application
        self._policy = policy

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if any(header in environ for header in FORWARDED_HEADERS) and self._is_trusted(environ):
            apply_forwarded(environ, self._policy.is_own_host)
        return self._application(environ, start_response)

    def _is_trusted(self, environ: Environ) -> bool:
        peer = environ.get("REMOTE_ADDR") or ""
        return self._policy.is_trusted_proxy(peer) and self._policy.is_own_host(environ.get("HTTP_HOST", ""))


def apply_forwarded(environ: Environ, is_own_host: Callable[[str], bool]) -> None:
    """Sets the prefix, scheme and host that the headers name, where they are well formed."""
    prefix, scheme, host = (environ.get(header, "").split(",")[0].strip() for header in FORWARDED_HEADERS)
    prefix = prefix.rstrip("/")
    if PREFIX.fullmatch(prefix) and ".." not in prefix:
        environ["SCRIPT_NAME"] = prefix
        # Some proxies strip the prefix from the path, some do not.
        if (path := environ.get("PATH_INFO", "")).startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path.removeprefix(prefix)
    if scheme in SCHEMES:
        environ["wsgi.url_scheme"] = scheme
    if host and is_own_host(host):
        environ["HTTP_HOST"] = host
