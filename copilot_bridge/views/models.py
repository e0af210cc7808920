"""https://platform.openai.com/docs/api-reference/models"""

import orjson
from flask import Blueprint, Response

from copilot_bridge.exchange.models import describe, find_model, list_models
from copilot_bridge.views.edge import bridge

bp = Blueprint("models", __name__)


@bp.get("/models")
def index() -> Response:
    return Response(list_models(bridge()), mimetype="application/json")


@bp.get("/models/<path:name>")
def show(name: str) -> Response:
    return Response(orjson.dumps(describe(bridge(), find_model(bridge(), name))), mimetype="application/json")
