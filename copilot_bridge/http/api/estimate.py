"""The price of a request before it is sent."""

from flask import Blueprint, Response

from copilot_bridge.http.respond import respond
from copilot_bridge.pipeline.estimate import Estimate

bp = Blueprint("estimate", __name__)


@bp.post("/estimate")
def show() -> Response:
    """Estimates a request of any API that the bridge speaks."""
    return respond(Estimate)
