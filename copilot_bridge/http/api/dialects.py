"""The endpoints of all dialects but Responses.  Their specifications are named in the dialects' folders."""

from functools import partial

from flask import Blueprint, Response

from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.http.respond import respond
from copilot_bridge.pipeline.endpoints import ENDPOINTS

bp = Blueprint("dialects", __name__)

for path, request in ENDPOINTS.items():
    if path != RESPONSES.endpoint:  # its response can be made in the background
        bp.add_url_rule(path, path.strip("/").replace("/", "_"), partial(respond, request), methods=["POST"])


def refuse_upgrade() -> Response:
    from copilot_bridge.http.websocket.upgrade import refuse_upgrade  # with the library, when a client asks

    return refuse_upgrade()


def upgrade() -> Response:
    from copilot_bridge.http.websocket.upgrade import upgrade

    return upgrade()


bp.add_url_rule("/responses", "refuse_upgrade", refuse_upgrade)
bp.add_url_rule("/responses", "upgrade", upgrade, websocket=True)  # werkzeug routes upgrades separately
