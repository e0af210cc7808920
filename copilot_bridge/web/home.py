"""The state of the bridge at a glance."""

from flask import Blueprint, Response

from copilot_bridge.views import health
from copilot_bridge.web.frame import page
from copilot_bridge.web.negotiation import or_else

bp = Blueprint("home", __name__)


@bp.get("/")
@or_else(health.about, key=False)
def show() -> Response:
    return page("home.html")
