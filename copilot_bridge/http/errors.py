"""Turns exceptions into error responses, in the client's dialect."""

import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from copilot_bridge.dialects.registry import write_error
from copilot_bridge.errors import BridgeError, InvalidRequest, KindName, StoreError
from copilot_bridge.http.context import bridge
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import Bridge
from copilot_bridge.streaming.client_connection import ClientDisconnected

log = logging.getLogger(__name__)

# Statuses of routing -> (kind of error, message).
ROUTING_ERRORS: dict[int, tuple[KindName, str]] = {
    404: ("not_found", "no such endpoint: {method} {path}"),
    405: ("method_not_allowed", "{method} is not allowed for {path}"),
}
BAD_REQUEST: tuple[KindName, str] = ("invalid_request", "malformed request: {method} {path}")

# nginx's status for a client that has closed its request.
CLIENT_CLOSED_REQUEST = 499


def error_response(error: BridgeError) -> Response:
    status, headers, body = describe_error(error, g.entry, bridge())
    return Response(body, status, headers, mimetype="application/json")


def describe_error(
    error: BridgeError, entry: RequestLogEntry, shared: Bridge
) -> tuple[int, dict[str, str], bytes]:
    """Notes an error in the log entry, and returns the status, headers and body that the client gets."""
    entry.note_error(error)
    if isinstance(error, StoreError):
        log.error("request %s: %s", entry.id, error)
        error = BridgeError(
            "the bridge can't use its store at the moment; see its log", kind="unavailable", status=503
        )
    if error.token_unavailable:
        error.headers.setdefault("retry-after", str(shared.health.retry_after()))
    return write_error(entry.dialect, error, entry.id)


def http_error_response(error: HTTPException) -> Response:
    kind, text = ROUTING_ERRORS.get(error.code or 500, BAD_REQUEST)
    response = error_response(BridgeError(text.format(method=request.method, path=request.path), kind=kind))
    if error.code in ROUTING_ERRORS:  # a dialect's other status for a missing model does not apply to paths
        response.status_code = error.code
    if error.code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def disconnected_response(_error: ClientDisconnected) -> Response:
    """Responds all the same: the client may have closed only its own half of the connection."""
    g.entry.outcome = "client_disconnected"
    error = InvalidRequest("the client closed the request")
    _, headers, body = write_error(g.entry.dialect, error, g.entry.id)
    return Response(body, CLIENT_CLOSED_REQUEST, headers, mimetype="application/json")


def too_deep_response(_error: RecursionError) -> Response:
    """Blames the request: only its body can be nested so deeply."""
    return error_response(InvalidRequest("the request body is nested too deeply"))


def internal_error_response(error: Exception) -> Response:
    log.error("internal error in request %s", g.entry.id, exc_info=error)
    return error_response(BridgeError(f"internal error in request {g.entry.id}; see the log"))


def init_app(app: Flask) -> None:
    app.register_error_handler(BridgeError, error_response)
    app.register_error_handler(HTTPException, http_error_response)
    app.register_error_handler(ClientDisconnected, disconnected_response)
    app.register_error_handler(RecursionError, too_deep_response)
    app.register_error_handler(Exception, internal_error_response)
