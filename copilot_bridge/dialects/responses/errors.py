"""Errors in the format of OpenAI's Responses.

Codex retries after every status but 400, so errors that would only come again have that status.
Source: https://platform.openai.com/docs/guides/error-codes, and Codex 0.169 as measured.
"""

from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError

# Statuses of error kinds -> the statuses that clients get instead.
STATUS = {403: 400, 404: 400}

# kind -> error.code of a stream's last event, where chat's code does not fit.
CODES = {
    "invalid_request": "invalid_prompt",
    "unavailable": "server_error",
    "overloaded": "server_is_overloaded",
}


def write_error(error: BridgeError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Write the (status, headers, body) of an error before the first byte of a response."""
    status, headers, body = chat.write_error(error, request_id)
    return STATUS.get(error.facts.status, status), headers, body


def error_frame(error: BridgeError, response: JsonObject, number: int) -> Frame:
    """Return the last frame of a stream that failed.

    :param response: the response as far as it was sent.
    """
    detail = chat.detail(error)
    ours = CODES.get(error.kind) if error.code is None else None
    code = ours or detail["code"] or "server_error"
    failed = response | {"status": "failed", "error": {"code": code, "message": detail["message"]}}
    return "response.failed", {"type": "response.failed", "sequence_number": number, "response": failed}
