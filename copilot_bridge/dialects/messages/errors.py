"""Errors in Anthropic's format.

Source: https://docs.anthropic.com/en/api/errors
"""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError, ErrorKind

# Status -> error.type; of the others, all below 500 are the request's fault.
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

LASTING_LIMIT = (402, "billing_error")

# Details by error code that Anthropic's SDK handles by itself.
DETAILS = {"thread_not_found": {"details": {"error_code": "thread_not_found"}}}


def write_error(error: BridgeError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Write the (status, headers, body) of an error before the first byte of a response."""
    status = LASTING_LIMIT[0] if error.facts.is_lasting_limit else error.http_status
    return status, error.headers, codec.write(envelope(error) | {"request_id": request_id})


def type_of(kind: ErrorKind) -> str:
    if kind.is_lasting_limit:
        return LASTING_LIMIT[1]
    return TYPES.get(kind.status, "invalid_request_error" if kind.status < 500 else "api_error")


def error_frame(error: BridgeError) -> Frame:
    """Return the last frame of a stream that failed.  No message_stop follows it."""
    return "error", envelope(error)


def envelope(error: BridgeError) -> dict[str, Any]:
    detail: dict[str, Any] = {"type": type_of(error.facts), "message": message(error)}
    return {"type": "error", "error": detail | (DETAILS.get(str(error.code)) or {})}


def message(error: BridgeError) -> str:
    """Return the error's message, in exactly the words at which Claude Code compacts its conversation."""
    if error.kind == "prompt_too_long" and error.prompt_size:
        return f"prompt is too long: {error.prompt_size[0]} tokens > {error.prompt_size[1]} maximum"
    return str(error)
