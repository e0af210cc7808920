"""Errors in the form of OpenAI's Responses.

Codex tries everything again but a 400, so what will not change by itself is told with that status.
Source: https://platform.openai.com/docs/guides/error-codes, and Codex 0.169 as measured.
"""

from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError

# The kinds' statuses that clients get as another one.
STATUS = {403: 400, 404: 400}

# kind -> error.code of a stream's last event, where chat's own does not do.
CODES = {
    "invalid_request": "invalid_prompt",
    "unavailable": "server_error",
    "overloaded": "server_is_overloaded",
}


def write_error(error: BridgeError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a refusal before the first byte."""
    status, headers, body = chat.write_error(error, request_id)
    return STATUS.get(error.facts.status, status), headers, body


def error_frame(error: BridgeError, response: JsonObject, number: int) -> Frame:
    """The last frame of a stream that failed.  `response`: what was told of it so far."""
    detail = chat.detail(error)
    ours = CODES.get(error.kind) if error.code is None else None
    code = ours or detail["code"] or "server_error"
    failed = response | {"status": "failed", "error": {"code": code, "message": detail["message"]}}
    return "response.failed", {"type": "response.failed", "sequence_number": number, "response": failed}
