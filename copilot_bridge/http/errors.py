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
KINDS: dict[int, tuple[KindName, str]] = {
    404: ("not_found", "there is nothing at {method} {path}"),
    405: ("method_not_allowed", "{path} does not take {method}"),
}
NOT_UNDERSTOOD: tuple[KindName, str] = ("invalid_request", "{method} {path} can't be understood")

# nginx's status for a client that has closed its request.
CLIENT_GONE = 499


def told(error: BridgeError) -> Response:
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


def told_http(error: HTTPException) -> Response:
    kind, text = KINDS.get(error.code or 500, NOT_UNDERSTOOD)
    response = told(BridgeError(text.format(method=request.method, path=request.path), kind=kind))
    if error.code in KINDS:  # a path is not a model: no dialect tells it otherwise
        response.status_code = error.code
    if error.code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def told_gone(_error: ClientDisconnected) -> Response:
    """It may have ended only its own half of the connection, and still listen."""
    g.record.outcome = "client gone"
    error = InvalidRequest("the client has ended the request")
    _, headers, body = write_error(g.record.dialect, error, g.record.id)
    return Response(body, CLIENT_GONE, headers, mimetype="application/json")


def told_depth(_error: RecursionError) -> Response:
    """Nothing else here goes so deep."""
    return told(InvalidRequest("the request's body is nested too deeply"))


def told_internal(error: Exception) -> Response:
    log.error("internal error in request %s", g.record.id, exc_info=error)
    return told(BridgeError(f"internal error, request {g.record.id}: the log has more"))


def init_app(app: Flask) -> None:
    app.register_error_handler(BridgeError, told)
    app.register_error_handler(HTTPException, told_http)
    app.register_error_handler(ClientDisconnected, told_gone)
    app.register_error_handler(RecursionError, told_depth)
    app.register_error_handler(Exception, told_internal)
