"""Answers requests for models."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from copilot_bridge.exchange import Call, Exchange
from copilot_bridge.exchange.log_rows import interrupted_row
from copilot_bridge.http.body import read_body
from copilot_bridge.http.cleanup import CLEANUP
from copilot_bridge.http.context import bridge, call, client_socket
from copilot_bridge.logs.entry import RequestLogEntry

# nginx: pass events on as they come.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

ReadRequest = Callable[[Call, RequestLogEntry, bytes, Any], Any]


def respond(read_request: ReadRequest) -> Response:
    """The answer to a request for a model; `make` reads the body.  Raises BridgeError."""
    record: RequestLogEntry = g.record
    g.is_model_request = True
    data = read_body()
    model_request = read_request(call(), record, data, request.headers)
    record.dialect, record.model, record.streamed = (
        model_request.dialect,
        model_request.name,
        model_request.streaming,
    )
    call().ask_first(record, model_request.name, data)
    del data  # upstream will have it, and a stream goes on for minutes
    bridge().request_log_writer.begin(interrupted_row(record))
    environ = request.environ
    exchange = Exchange(
        bridge(),
        model_request,
        record,
        client_socket(environ),
        environ.get("copilot_bridge.socket_writer"),
        accepts_continue=environ.get("SERVER_PROTOCOL") == "HTTP/1.1",
    )
    environ[CLEANUP].add(exchange.close)  # runs even if the body was never started
    if exchange.streaming:
        exchange.open()
        body: Any = exchange.events()
    else:
        body = exchange.result()
    media_type, stream_headers = (
        ("text/event-stream", STREAM_HEADERS) if exchange.streaming else ("application/json", {})
    )
    return Response(body, headers=exchange.headers | stream_headers, mimetype=media_type)
