"""Finds a request's origin and caller by its headers, or by a key in its query."""

from collections.abc import Mapping
from typing import Any

from flask import g, request

from copilot_bridge.access.authentication import CREDENTIAL_HEADERS, LOCAL_OPERATOR, read_credentials
from copilot_bridge.access.origins import RequestOrigin
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.http.context import bridge
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import Bridge, RequestContext
from copilot_bridge.pipeline.connection_memory import ConnectionMemory

# The names of the credential headers in WSGI's environment.
CREDENTIAL_VARIABLES = tuple("HTTP_" + name.upper().replace("-", "_") for name in CREDENTIAL_HEADERS)


def read_origin(environ: Mapping[str, Any]) -> RequestOrigin:
    """Reads the origin from the environment: werkzeug's headers would cost ten times as much."""
    return RequestOrigin(
        peer=environ.get("REMOTE_ADDR") or "",
        host=environ.get("HTTP_HOST", ""),
        scheme=environ["wsgi.url_scheme"],
        origin=environ.get("HTTP_ORIGIN", ""),
        fetch_site=environ.get("HTTP_SEC_FETCH_SITE", ""),
        fetch_mode=environ.get("HTTP_SEC_FETCH_MODE", ""),
        forwarded_for=environ.get("HTTP_X_FORWARDED_FOR") or environ.get("HTTP_X_REAL_IP", ""),
    )


def is_local() -> bool:
    """Return whether the request comes from this machine, through no proxy that others can reach."""
    return bridge().origin_policy.locate(read_origin(request.environ))[1]


def query_key(dialect: str | None) -> str | None:
    """Returns the key in the query, where a dialect's clients may send it there."""
    parameter = DIALECTS[dialect].key_parameter if dialect else ""
    return request.args.get(parameter) if parameter else None


def given_credentials() -> list[str]:
    """Returns the keys that the request gives."""
    return read_credentials((*map(request.environ.get, CREDENTIAL_VARIABLES), query_key(g.entry.dialect)))


def identify(local: bool) -> None:
    """Finds the request's caller and makes its context.  Raises BridgeError for unknown callers."""
    g.context = context_for(bridge(), g.entry, given_credentials(), local=local)


def context_for(
    shared: Bridge,
    entry: RequestLogEntry,
    credentials: list[str],
    *,
    local: bool,
    memory: ConnectionMemory | None = None,
) -> RequestContext:
    """Finds the caller by its credentials, and makes the context of a request.

    Raises BridgeError for unknown callers.
    """
    caller = shared.authenticator.authenticate(credentials, local=local, address=entry.caller)
    shared.limit_new_tokens(caller, entry.caller)
    if caller is not LOCAL_OPERATOR:
        entry.caller_id = caller.id
    return RequestContext(shared, caller, memory)
