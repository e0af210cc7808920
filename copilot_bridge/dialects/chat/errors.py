"""Errors in OpenAI's format.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError, ErrorKind

# Status -> error.type; of the others, all below 500 are the request's fault.
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

LASTING_LIMIT = "insufficient_quota"
NO_RETRY = {"x-should-retry": "false"}


def write_error(error: BridgeError, _request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Write the (status, headers, body) of an error before the first byte of a response."""
    headers = error.headers | (NO_RETRY if error.facts.is_lasting_limit else {})
    return error.http_status, headers, codec.write({"error": detail(error)})


def error_frame(error: BridgeError) -> Frame:
    """Return the last frame of a stream that failed.  Nothing follows it, not even [DONE]."""
    return "", {"error": detail(error)}


def detail(error: BridgeError) -> dict[str, Any]:
    kind = error.facts
    code = kind.code if kind.code_is_final else error.code or kind.code
    return {"message": str(error), "type": type_of(kind), "param": error.param, "code": code}


def type_of(kind: ErrorKind) -> str:
    if kind.is_lasting_limit:
        return LASTING_LIMIT
    return TYPES.get(kind.status, "invalid_request_error" if kind.status < 500 else "server_error")
