"""Requests that can't be understood: the server itself answers them, in the form that programs expect."""

from http import HTTPStatus

from copilot_bridge.dialects.registry import dialect_of_path, write_error
from copilot_bridge.errors import BridgeError, KindName

# Statuses of HTTP itself, besides 400 -> our kind of error.
KINDS: dict[int, KindName] = {413: "too_large", 500: "internal"}


def refusal(status: int, reason: str, path: str = "") -> bytes:
    """A whole answer, after which the connection ends."""
    error = BridgeError(reason, kind=KINDS.get(status, "invalid_request"))
    _, _, body = write_error(dialect_of_path(path), error)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
