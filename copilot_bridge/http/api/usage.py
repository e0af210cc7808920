"""The account's usage and quotas as GitHub reports them, in the form that tools know from other bridges."""

import orjson
from flask import Blueprint, Response

from copilot_bridge.http.context import request_context

bp = Blueprint("usage", __name__)


@bp.get("/usage")
def show() -> Response:
    return as_json()


@bp.get("/usage.json")
def as_json() -> Response:
    """GitHub's copilot_internal/user, of the account that pays for the caller's requests."""
    report = request_context().usage()
    return Response(orjson.dumps(report), headers={"Cache-Control": "no-store"}, mimetype="application/json")
