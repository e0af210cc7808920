"""Responds to requests for models."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Response, g, request

from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.http.body import read_body
from copilot_bridge.http.cleanup import CLEANUP
from copilot_bridge.http.context import client_socket, request_context
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.run import ReadRequest, run_request

# Proxies must pass events on at once; nginx needs a header of its own.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def respond(read_request: ReadRequest, data: bytes | None = None) -> Response:
    """Responds to a request for a model, which `read_request` reads.  Raises BridgeError.

    :param data: the body; None: it is still to be read.
    """
    entry: RequestLogEntry = g.entry
    g.is_model_request = True
    environ = request.environ
    exchange = run_request(
        request_context(),
        read_request,
        entry,
        read_body() if data is None else data,
        lower_case_headers(environ),
        client_socket(environ),
        environ.get("copilot_bridge.socket_writer"),
        accepts_continue=environ.get("SERVER_PROTOCOL") == "HTTP/1.1",
    )
    environ[CLEANUP].add(exchange.close)  # runs even if the body is never started
    if exchange.streaming:
        exchange.open()
        headers = exchange.headers | STREAM_HEADERS
        return Response(exchange.events(), headers=headers, mimetype=exchange.media_type)
    return whole_response(exchange.result(), exchange.headers)


def whole_response(result: bytes | Pieces, headers: dict[str, str]) -> Response:
    if isinstance(result, Pieces):
        length = {} if result.size is None else {"Content-Length": str(result.size)}
        return Response(iter(result), headers=headers | length, mimetype="application/json")
    return Response(result, headers=headers, mimetype="application/json")


def lower_case_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The client's headers out of the environment: werkzeug's view of them takes ten times as long."""
    return {lower_case(name): value for name, value in environ.items() if name.startswith("HTTP_")}


@lru_cache(1024)  # clients send the same few
def lower_case(variable: str) -> str:
    """The name of a header by its variable: HTTP_USER_AGENT is user-agent."""
    return variable[5:].replace("_", "-").lower()
