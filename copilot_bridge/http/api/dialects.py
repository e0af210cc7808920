"""The endpoints of all dialects but Responses.  Their specifications are named in the dialects' folders."""

from functools import partial

from flask import Blueprint

from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.http.respond import respond
from copilot_bridge.pipeline.endpoints import ENDPOINTS

bp = Blueprint("dialects", __name__)

UPGRADE_REQUIRED = 426

for path, request in ENDPOINTS.items():
    if path != RESPONSES.endpoint:  # it can be answered in the background
        bp.add_url_rule(path, path.strip("/").replace("/", "_"), partial(respond, request), methods=["POST"])


@bp.get("/responses")
@bp.route("/responses", websocket=True, endpoint="refuse_upgrade")  # werkzeug routes upgrades separately
def refuse_websocket() -> tuple[dict[str, object], int]:
    """Rejects a WebSocket: only this status makes Codex continue with POST at once."""
    detail = {"message": "send a POST request", "type": "invalid_request_error", "param": None, "code": None}
    return {"error": detail}, UPGRADE_REQUIRED
