"""The lists of models, in the form of the client's dialect."""

from flask import Blueprint, Response, request

from copilot_bridge.http.context import call, client_dialect
from copilot_bridge.pipeline.model_list import describe_model, list_models

bp = Blueprint("models", __name__)


@bp.get("/models")
def index() -> Response:
    return Response(list_models(call(), client_dialect(), request.args), mimetype="application/json")


@bp.get("/models/<path:name>")
def show(name: str) -> Response:
    return Response(describe_model(call(), name, client_dialect()), mimetype="application/json")
