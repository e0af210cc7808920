"""Responses to requests that the server can't read, in the form that the clients of the API expect."""

from http import HTTPStatus

from copilot_bridge.dialects.registry import dialect_of_path, write_error
from copilot_bridge.errors import BridgeError, KindName

KIND_BY_STATUS: dict[int, KindName] = {413: "too_large", 500: "internal"}  # all others: invalid_request


def error_response(status: int, reason: str, path: str = "") -> bytes:
    """The bytes of a whole response, after which the connection is closed."""
    error = BridgeError(reason, kind=KIND_BY_STATUS.get(status, "invalid_request"))
    _, _, body = write_error(dialect_of_path(path), error)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
