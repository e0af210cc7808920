"""Errors in Anthropic's form.  Source: https://docs.anthropic.com/en/api/errors"""

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

# What Anthropic's SDK knows by a code, and mends by itself.
DETAILS = {"thread_not_found": {"details": {"error_code": "thread_not_found"}}}


def write_error(error: BridgeError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a refusal before the first byte."""
    status = LASTING_LIMIT[0] if error.facts.is_lasting_limit else error.http_status
    return status, error.headers, codec.write(envelope(error) | {"request_id": request_id})


def type_of(kind: ErrorKind) -> str:
    if kind.is_lasting_limit:
        return LASTING_LIMIT[1]
    return TYPES.get(kind.status, "invalid_request_error" if kind.status < 500 else "api_error")


def error_frame(error: BridgeError) -> Frame:
    """The last frame of a stream that failed; there is no message_stop."""
    return "error", envelope(error)


def envelope(error: BridgeError) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type_of(error.facts), "message": message(error)}
    return {"type": "error", "error": told | (DETAILS.get(str(error.code)) or {})}


def message(error: BridgeError) -> str:
    """Claude Code compacts its conversation at exactly these words."""
    if error.kind == "prompt_too_long" and error.size:
        return f"prompt is too long: {error.size[0]} tokens > {error.size[1]} maximum"
    return str(error)
