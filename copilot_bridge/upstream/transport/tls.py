"""The certificates by which the other side's identity is checked, and the sessions that it resumes."""

import os
import ssl
from collections.abc import Mapping
from typing import Any

from cachetools import LRUCache
from urllib3.util.ssl_ import create_urllib3_context

MAX_SESSIONS = 64  # servers
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def certificates(environ: Mapping[str, str] = os.environ) -> str | bool:
    """The certificates that the environment names, as requests and curl do; True: requests' own."""
    variable = certificates_variable(environ)
    return environ[variable] if variable else True


def certificates_variable(environ: Mapping[str, str] = os.environ) -> str | None:
    """The environment variable that names the certificates."""
    return next(filter(environ.get, VARIABLES), None)


def new_context() -> ssl.SSLContext:
    """A TLS context that offers each server the session of the last connection to it.

    A handshake that resumes a session needs no certificates, so it takes less work on both sides, and with
    TLS 1.2 a round trip less.  `remember_session` keeps the sessions, because a server sends one only after
    the handshake.
    """
    context: Any = create_urllib3_context()
    context.options &= ~ssl.OP_NO_TICKET  # urllib3 asks for none
    sessions: LRUCache[str, Any] = LRUCache(MAX_SESSIONS)
    context.sessions = sessions
    wrap_socket = context.wrap_socket

    def wrap_with_session(sock: Any, *, server_hostname: str | None = None, **options: Any) -> Any:
        session = sessions.get(server_hostname or "")
        return wrap_socket(sock, server_hostname=server_hostname, session=session, **options)

    context.wrap_socket = wrap_with_session
    return context  # type: ignore[no-any-return]


def remember_session(sock: Any) -> None:
    """Keep the session of a connection on which a response has come.  Other sockets have none."""
    session = getattr(sock, "session", None)
    if session is not None and session.has_ticket and sock.server_hostname:
        sock.context.sessions[sock.server_hostname] = session
