"""https://spec.openapis.org/oas/v3.1.0"""

from flask import Blueprint, Response

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
def show() -> Response:
    """The tables are read when somebody asks, for most bridges are never asked."""
    from copilot_bridge.openapi.document import as_json

    return Response(as_json(), mimetype="application/json")
