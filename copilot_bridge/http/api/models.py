"""The lists of models, in the form of the client's dialect."""

from flask import Blueprint, Response, request

from copilot_bridge.http.context import client_dialect, request_context
from copilot_bridge.pipeline.model_list import describe_model, list_models

bp = Blueprint("models", __name__)


@bp.get("/models")
def index() -> Response:
    listed = list_models(request_context(), client_dialect(), request.args, request.path)
    return Response(listed, mimetype="application/json")


@bp.get("/models/<path:name>")
def show(name: str) -> Response:
    described = describe_model(request_context(), name, client_dialect(), request.path)
    return Response(described, mimetype="application/json")
