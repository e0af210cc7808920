"""The API's description in OpenAPI: https://spec.openapis.org/oas/v3.1.0."""

from flask import Blueprint, Response

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
def show() -> Response:
    """The API's description; its tables are imported at the first request."""
    from copilot_bridge.openapi.document import as_json

    return Response(as_json(), mimetype="application/json")
