"""Errors in OpenAI's form.  Source: https://platform.openai.com/docs/guides/error-codes"""

from typing import Any

from copilot_bridge.dialects import codec, sse
from copilot_bridge.errors import BridgeError

# kind -> (status, error.type, error.code)
ERRORS: dict[str, tuple[int, str, str | None]] = {
    "invalid_request": (400, "invalid_request_error", None),
    "unsupported": (400, "invalid_request_error", "unsupported_value"),
    "prompt_too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "content_filter": (400, "invalid_request_error", "content_filter"),
    "model_not_found": (404, "invalid_request_error", "model_not_found"),
    "not_found": (404, "invalid_request_error", "not_found"),
    "method_not_allowed": (405, "invalid_request_error", "method_not_allowed"),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "media_type": (415, "invalid_request_error", "unsupported_media_type"),
    "authentication": (401, "authentication_error", "invalid_api_key"),
    "permission": (403, "permission_error", None),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded"),
    "overloaded": (529, "server_error", "overloaded"),
    "unavailable": (502, "server_error", None),
    "unreachable": (502, "server_error", "upstream_unreachable"),
    "timeout": (504, "server_error", "upstream_timeout"),
    "stream_cut": (502, "server_error", "stream_cut"),
    "internal": (500, "server_error", "internal_error"),
}

# The code that upstream gave says more than ours only where ours says nothing.
FIXED = {"prompt_too_long", "content_filter", "model_not_found", "authentication", "quota"}

# SDKs try a 429 again by themselves; a quota does not come back by that.
NO_RETRY = {"quota": {"x-should-retry": "false"}}


def write_error(error: BridgeError, _request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a refusal before the first byte."""
    status = ERRORS[error.kind][0]
    if error.unready:
        status = 503
    elif error.kind == "unavailable" and error.status in (500, 502, 503):
        status = error.status
    headers = error.headers | NO_RETRY.get(error.kind, {})
    return status, headers, codec.write({"error": detail(error)})


def write_event(error: BridgeError) -> bytes:
    """The last event of a stream that failed.  Nothing follows it, above all no [DONE]."""
    return sse.write_data(codec.write({"error": detail(error)}))


def detail(error: BridgeError) -> dict[str, Any]:
    _, type_, code = ERRORS[error.kind]
    told = code if error.kind in FIXED else error.code or code
    return {"message": str(error), "type": type_, "param": error.param, "code": told}
