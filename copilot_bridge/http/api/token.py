"""The current Copilot token, for tools that take it from a bridge; only with --show-token."""

from flask import Blueprint, Response, jsonify, request

from copilot_bridge.errors import BridgeError
from copilot_bridge.http.context import bridge, request_context
from copilot_bridge.http.identification import read_origin

bp = Blueprint("token", __name__)


@bp.get("/token")
def show() -> Response:
    """The token as JSON, for the operator, but never for a web page.  Raises BridgeError "permission"."""
    if not bridge().config.show_token:
        raise BridgeError(
            "GET /token requires a bridge that was started with --show-token", kind="permission"
        )
    if not request_context().caller.operator or read_origin(request.environ).from_page:
        raise BridgeError("only the operator may read the token, and not from a web page", kind="permission")
    response = jsonify(token=request_context().copilot().token().value)
    response.headers["Cache-Control"] = "no-store"
    return response
