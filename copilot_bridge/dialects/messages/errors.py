"""Errors in Anthropic's form.  Source: https://docs.anthropic.com/en/api/errors"""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.errors import BridgeError

# kind -> (status, error.type)
ERRORS: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "invalid_request_error"),
    "unsupported": (400, "invalid_request_error"),
    "prompt_too_long": (400, "invalid_request_error"),
    "content_filter": (400, "invalid_request_error"),
    "model_not_found": (404, "not_found_error"),
    "not_found": (404, "not_found_error"),
    "method_not_allowed": (405, "invalid_request_error"),
    "too_large": (413, "request_too_large"),
    "media_type": (415, "invalid_request_error"),
    "authentication": (401, "authentication_error"),
    "permission": (403, "permission_error"),
    "quota": (402, "billing_error"),
    "rate_limited": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "unavailable": (502, "api_error"),
    "unreachable": (502, "api_error"),
    "timeout": (504, "timeout_error"),
    "stream_cut": (502, "api_error"),
    "internal": (500, "api_error"),
}


# What Anthropic's SDK knows by a code, and mends by itself.
DETAILS = {"thread_not_found": {"details": {"error_code": "thread_not_found"}}}


def write_error(error: BridgeError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a refusal before the first byte."""
    status = ERRORS[error.kind][0]
    if error.unready:
        status = 503
    elif error.kind == "unavailable" and error.status in (500, 502, 503):
        status = error.status
    return status, error.headers, codec.write(envelope(error) | {"request_id": request_id})


def write_event(error: BridgeError) -> bytes:
    """The last event of a stream that failed; there is no message_stop."""
    return b"event: error\ndata: " + codec.write(envelope(error)) + b"\n\n"


def envelope(error: BridgeError) -> dict[str, Any]:
    told: dict[str, Any] = {"type": ERRORS[error.kind][1], "message": message(error)}
    return {"type": "error", "error": told | (DETAILS.get(str(error.code)) or {})}


def message(error: BridgeError) -> str:
    """Claude Code compacts its conversation at exactly these words."""
    if error.kind == "prompt_too_long" and error.size:
        return f"prompt is too long: {error.size[0]} tokens > {error.size[1]} maximum"
    return str(error)
