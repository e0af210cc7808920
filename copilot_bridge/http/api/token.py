"""The current Copilot token, for tools that ask a bridge for it: only if the operator has said so."""

from flask import Blueprint, Response, jsonify, request

from copilot_bridge.errors import BridgeError
from copilot_bridge.http.context import bridge, call
from copilot_bridge.http.identification import read_origin

bp = Blueprint("token", __name__)


@bp.get("/token")
def show() -> Response:
    """{"token": ...}; to the operator, and never to a web page.  Raises BridgeError "permission"."""
    if not bridge().config.show_token:
        raise BridgeError(
            "the token is shown only by a bridge that was started with --show-token", kind="permission"
        )
    if not call().caller.operator or read_origin(request.environ).from_page:
        raise BridgeError("the token is shown to the operator only", kind="permission")
    answer = jsonify(token=call().copilot().token().value)
    answer.headers["Cache-Control"] = "no-store"
    return answer
