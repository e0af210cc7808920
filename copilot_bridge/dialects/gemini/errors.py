"""Errors in Google's format.

Sources: https://google.aip.dev/193, google.rpc.Code, and the Gemini CLI 0.61 for its use of details.
"""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError

# HTTP status -> its name at Google.
NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

# Statuses that Google's API does not have -> the nearest that it has.
STATUS = {529: 503}

DETAIL_TYPE = "type.googleapis.com/google.rpc."

# By this the Gemini CLI recognizes a limit that lasts, and does not try again.
LASTING_LIMIT = {"reason": "QUOTA_EXHAUSTED", "domain": "cloudcode-pa.googleapis.com"}


def write_error(error: BridgeError, _request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Write the (status, headers, body) of an error before the first byte of a response."""
    return status_of(error), error.headers, codec.write(envelope(error))


def status_of(error: BridgeError) -> int:
    return STATUS.get(error.http_status, error.http_status)


def error_frame(error: BridgeError) -> Frame:
    """Return the last frame of a stream that failed."""
    return "", envelope(error)


def envelope(error: BridgeError) -> JsonObject:
    status = status_of(error)
    name = NAMES.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    detail: JsonObject = {"code": status, "message": str(error), "status": name}
    if found := details_of(error):
        detail["details"] = found
    return {"error": detail}


def details_of(error: BridgeError) -> list[JsonObject]:
    """Return what programs can read of an error: its field, its kind, and when to try again."""
    details: list[JsonObject] = []
    if error.param:
        violation = {"field": error.param, "description": str(error)}
        details.append({"@type": f"{DETAIL_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.facts.is_lasting_limit:
        details.append({"@type": f"{DETAIL_TYPE}ErrorInfo", **LASTING_LIMIT})
    wait = {name.lower(): value for name, value in error.headers.items()}.get("retry-after", "")
    if wait.isascii() and wait.isdecimal():
        details.append({"@type": f"{DETAIL_TYPE}RetryInfo", "retryDelay": f"{wait}s"})
    return details
