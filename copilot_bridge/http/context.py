"""The parts of a request's context that Flask does not know: the bridge, the caller, the client's dialect."""

from collections.abc import Mapping
from typing import Any

from flask import current_app, g, request

from copilot_bridge.dialects.registry import CLIENT_HEADERS, dialect_of_path
from copilot_bridge.pipeline import Bridge, RequestContext


def bridge() -> Bridge:
    """The bridge that all requests share."""
    shared: Bridge = current_app.extensions["copilot_bridge"]
    return shared


def request_context() -> RequestContext:
    """The request's context; set after its caller is identified."""
    mine: RequestContext = g.context
    return mine


def client_dialect() -> str | None:
    """The client's dialect by the path, or for shared paths by its headers."""
    if (by_path := dialect_of_path(request.path)) is not None:
        return by_path
    return next((name for header, name in CLIENT_HEADERS.items() if header in request.headers), None)


def client_socket(environ: Mapping[str, Any]) -> Any:
    """The client's socket from gunicorn or the bridge's gevent server; None under other servers."""
    return environ.get("gunicorn.socket") or environ.get("copilot_bridge.socket")
