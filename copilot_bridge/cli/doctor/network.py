"""Checks of the network path to GitHub and Copilot, layer by layer, and of the clock."""

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from copilot_bridge.cli.debug_report import probe
from copilot_bridge.cli.doctor.check import FIXES, CheckContext, Finding, failed, ok, warning
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.errors import (
    UpstreamUnreachable,
)
from copilot_bridge.upstream.transport.tls import certificates


@dataclass(frozen=True)
class Host:
    url: str

    @property
    def name(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)


def host_of(role: str, context: CheckContext) -> Host:
    """The host with this role.  Copilot's is the plan's own as soon as a token has named it."""
    known = context.bridge.hosts
    return Host({"github": known.github, "api": known.api, "copilot": context.copilot or known.copilot}[role])


def proxy(role: str, context: CheckContext) -> Finding:
    host = host_of(role, context)
    url = context.bridge.client.proxy(host.url)
    if not url:
        return ok(f"none for {host.name}")
    proxy_host = Host(url)
    try:
        connect(proxy_host.name, proxy_host.port, context).close()
    except OSError as error:
        return failed(
            f"{url} can't be reached: {reason(error)}",
            "set another with --proxy, or none with --no-proxy-env",
        )
    return ok(f"{url} responds, for {host.name}")


def dns(role: str, context: CheckContext) -> Finding:
    host = host_of(role, context)
    if context.bridge.client.proxy(host.url):
        return ok("the proxy looks it up")
    function = partial(socket.getaddrinfo, host.name, host.port, type=socket.SOCK_STREAM)
    try:
        found = call_with_timeout(function, context.config.connect_timeout)
    except (OSError, UnicodeError) as error:
        return failed(
            f"{host.name} has no address: {reason(error)}",
            f"check your network and DNS: nslookup {host.name}",
        )
    return ok(f"{host.name} is {', '.join(sorted({str(row[4][0]) for row in found})[:3])}")


def tls(role: str, context: CheckContext) -> Finding:
    host = host_of(role, context)
    if urlsplit(host.url).scheme == "http":
        return ok("plain http, on this machine")
    if context.bridge.client.proxy(host.url):
        return ok("through the proxy; see below whether it responds")
    try:
        with (
            connect(host.name, host.port, context) as plain,
            ssl_context().wrap_socket(plain, server_hostname=host.name) as secure,
        ):
            return ok(f"{secure.version()}, {issuer(secure.getpeercert() or {})}")
    except ssl.SSLError as error:
        fix = "a proxy that inspects TLS has a certificate of its own: SSL_CERT_FILE=/path/to/it.pem"
        return failed(f"no secure connection to {host.name}: {reason(error)}", fix)
    except OSError as error:
        return failed(f"can't reach {host.name}: {reason(error)}", FIXES[UpstreamUnreachable])


def connect(name: str, port: int, context: CheckContext) -> socket.socket:
    return socket.create_connection((name, port), timeout=context.config.connect_timeout)


def ssl_context() -> ssl.SSLContext:
    """A TLS context with the certificates that requests trusts."""
    given = certificates()
    ca_bundle = DEFAULT_CA_BUNDLE_PATH if given is True else str(given)
    folder = Path(ca_bundle).is_dir()
    return ssl.create_default_context(
        cafile=None if folder else ca_bundle, capath=ca_bundle if folder else None
    )


def issuer(certificate: Any) -> str:
    issuer = {name: value for ((name, value), *_) in certificate.get("issuer", ())}
    return f"signed by {issuer.get('organizationName', '?')}, until {certificate.get('notAfter', '?')}"


def reason(error: Exception) -> str:
    return getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)


def responds(role: str, context: CheckContext) -> Finding:
    """Check that the host responds to HTTP, with whatever status."""
    host = host_of(role, context)
    status, headers = probe(context.bridge, host.url)
    if role == "api":
        context.skew = skew_of(headers.get("Date"))
    return ok(f"{host.url} responds (status {status})")


def skew_of(date: str | None) -> float | None:
    try:
        then = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (then - datetime.now(UTC)).total_seconds()


SKEW_WARNING, SKEW_FAILURE = 60.0, 600.0  # seconds; tokens are good for half an hour


def clock(context: CheckContext) -> Finding:
    if context.skew is None:
        return ok("GitHub did not say what time it is")
    off = abs(context.skew)
    message = f"{off:.0f} s {'behind' if context.skew > 0 else 'ahead of'} GitHub's"
    if off >= SKEW_WARNING:
        return (failed if off >= SKEW_FAILURE else warning)(
            message, "set the clock: sudo timedatectl set-ntp true"
        )
    return ok("as GitHub's" if off < 2 else message)
