"""The parts of a request's context that Flask does not know: the bridge, the caller, the client's dialect."""

from collections.abc import Mapping
from typing import Any

from flask import current_app, g, request

from copilot_bridge.dialects.registry import VERSION_HEADERS, dialect_of_path
from copilot_bridge.exchange import Bridge, Call


def bridge() -> Bridge:
    """The one that all requests share."""
    shared: Bridge = current_app.extensions["copilot_bridge"]
    return shared


def call() -> Call:
    """This request, once it is known who asks."""
    mine: Call = g.call
    return mine


def client_dialect() -> str | None:
    """The dialect that a client speaks: by the path, or where that does not tell, by the client's headers."""
    given = (name for header, name in VERSION_HEADERS.items() if header in request.headers)
    return dialect_of_path(request.path) or next(given, None)


def client_socket(environ: Mapping[str, Any]) -> Any:
    """As gunicorn and our own gevent server show it; None under a server that hides it."""
    return environ.get("gunicorn.socket") or environ.get("copilot_bridge.socket")
