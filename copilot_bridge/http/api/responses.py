"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

from flask import Blueprint, Response

from copilot_bridge.exchange.responses import ResponsesRequest
from copilot_bridge.http.respond import respond

bp = Blueprint("responses", __name__)

UPGRADE_REQUIRED = 426


@bp.post("/responses")
def create_response() -> Response:
    return respond(ResponsesRequest)


@bp.get("/responses")
@bp.route("/responses", websocket=True, endpoint="refuse_upgrade")  # werkzeug routes upgrades separately
def refuse_websocket() -> tuple[dict[str, object], int]:
    """Rejects a WebSocket: only this status makes Codex continue with POST at once."""
    detail = {"message": "send a POST request", "type": "invalid_request_error", "param": None, "code": None}
    return {"error": detail}, UPGRADE_REQUIRED
