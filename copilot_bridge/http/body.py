"""Reads the bodies of requests, and closes connections with bodies that no view has read."""

from functools import partial

import gevent
from flask import Response, g, request

from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.cleanup import Cleanup
from copilot_bridge.http.context import client_socket
from copilot_bridge.http.drain import discard_input
from copilot_bridge.streaming.client_connection import ClientDisconnected

# Prompts with images and PDFs take megabytes.
MAX_BODY_SIZE = 64 * 1024 * 1024

# The server itself reads an unread body of up to so many bytes, and keeps the connection.
MAX_KEPT_BODY = 64 * 1024

UPLOAD_TIMEOUT = 300.0  # seconds, for a whole body


def read_body() -> bytes:
    """Reads a body of known length or in chunks.  Raises BridgeError, or ClientDisconnected."""
    environ = request.environ
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity")
    if encoding.lower() != "identity":
        raise BridgeError(f"Content-Encoding {encoding!r} is not supported", kind="media_type")
    transfer_coding = environ.get("HTTP_TRANSFER_ENCODING", "chunked")
    if transfer_coding.lower() != "chunked":
        raise BridgeError(f"Transfer-Encoding {transfer_coding!r} is not supported", kind="media_type")
    announced = request.content_length
    if announced is None or announced <= MAX_BODY_SIZE:
        body = read_input(MAX_BODY_SIZE + 1 if announced is None else announced)
        if announced is not None and len(body) < announced:
            raise ClientDisconnected
        if len(body) <= MAX_BODY_SIZE:
            g.body_is_read = True
            return body
    raise BridgeError(f"the request body is larger than {MAX_BODY_SIZE:,} bytes", kind="too_large")


def read_input(size: int) -> bytes:
    """Reads up to `size` bytes.  Raises ClientDisconnected, or InvalidRequest for malformed chunks."""
    try:
        with gevent.Timeout(UPLOAD_TIMEOUT):
            body: bytes = request.environ["wsgi.input"].read(size)
    except (OSError, gevent.Timeout) as error:  # how gevent's server reports a disconnected client
        raise ClientDisconnected from error
    except Exception as error:
        raise InvalidRequest(f"the request body can't be read: {error}") from error
    return body


def has_unread_body() -> bool:
    """Return whether an unread body is large or of unknown length."""
    if "body_is_read" in g:
        return False
    chunked = "HTTP_TRANSFER_ENCODING" in request.environ
    return chunked or (request.content_length or 0) > MAX_KEPT_BODY


def discard_unread_body(response: Response, cleanup: Cleanup) -> None:
    """Closes the connection after the response, because reading on to the next request takes too long."""
    response.headers["Connection"] = "close"
    if (hang_up := request.environ.get("copilot_bridge.hang_up")) is not None:
        hang_up()
    if (sock := client_socket(request.environ)) is not None:
        cleanup.add(partial(discard_input, sock))
