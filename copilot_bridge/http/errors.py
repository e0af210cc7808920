"""Answers of every error, in the dialect that the client speaks."""

import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from copilot_bridge.dialects.registry import write_error
from copilot_bridge.errors import BridgeError, InvalidRequest, KindName, StoreError
from copilot_bridge.http.context import bridge
from copilot_bridge.streaming.client_connection import ClientDisconnected

log = logging.getLogger(__name__)

# What routing and reading the body refuse, as our kinds of error.
ROUTING_ERRORS: dict[int, tuple[KindName, str]] = {
    404: ("not_found", "there is nothing at {method} {path}"),
    405: ("method_not_allowed", "{path} does not take {method}"),
}
BAD_REQUEST: tuple[KindName, str] = ("invalid_request", "{method} {path} can't be understood")

# nginx's status for a client that has closed its request.
CLIENT_CLOSED_REQUEST = 499


def error_response(error: BridgeError) -> Response:
    g.record.note_error(error)
    if isinstance(error, StoreError):
        log.error("request %s: %s", g.record.id, error)
        error = BridgeError(
            "the bridge can't use its store just now: its log says why", kind="unavailable", status=503
        )
    if error.unready:
        error.headers.setdefault("retry-after", str(bridge().health.retry_after()))
    status, headers, body = write_error(g.record.dialect, error, g.record.id)
    return Response(body, status, headers, mimetype="application/json")


def http_error_response(error: HTTPException) -> Response:
    kind, text = ROUTING_ERRORS.get(error.code or 500, BAD_REQUEST)
    response = error_response(BridgeError(text.format(method=request.method, path=request.path), kind=kind))
    if error.code in ROUTING_ERRORS:  # a path is not a model: no dialect tells it otherwise
        response.status_code = error.code
    if error.code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def disconnected_response(_error: ClientDisconnected) -> Response:
    """It may have ended only its own half of the connection, and still listen."""
    g.record.outcome = "client_disconnected"
    error = InvalidRequest("the client has ended the request")
    _, headers, body = write_error(g.record.dialect, error, g.record.id)
    return Response(body, CLIENT_CLOSED_REQUEST, headers, mimetype="application/json")


def too_deep_response(_error: RecursionError) -> Response:
    """Nothing else here goes so deep."""
    return error_response(InvalidRequest("the request's body is nested too deeply"))


def internal_error_response(error: Exception) -> Response:
    log.error("internal error in request %s", g.record.id, exc_info=error)
    return error_response(BridgeError(f"internal error, request {g.record.id}: the log has more"))


def init_app(app: Flask) -> None:
    app.register_error_handler(BridgeError, error_response)
    app.register_error_handler(HTTPException, http_error_response)
    app.register_error_handler(ClientDisconnected, disconnected_response)
    app.register_error_handler(RecursionError, too_deep_response)
    app.register_error_handler(Exception, internal_error_response)
