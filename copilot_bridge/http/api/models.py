"""The lists of models in OpenAI's and Anthropic's forms.

https://platform.openai.com/docs/api-reference/models, https://docs.anthropic.com/en/api/models-list

The `anthropic-version` header selects the second form.
"""

import orjson
from flask import Blueprint, Response, request

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.exchange.models import (
    describe,
    describe_for_anthropic,
    find_model,
    list_for_anthropic,
    list_models,
)
from copilot_bridge.http.context import bridge, call, client_dialect

bp = Blueprint("models", __name__)

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000


@bp.get("/models")
def index() -> Response:
    if client_dialect() == "messages":
        page = request.args
        listed = list_for_anthropic(call(), limit(), page.get("after_id"), page.get("before_id"))
        return as_json(listed)
    return Response(list_models(call()), mimetype="application/json")


@bp.get("/models/<path:name>")
def show(name: str) -> Response:
    model = find_model(call(), name)
    return as_json(
        describe_for_anthropic(model) if client_dialect() == "messages" else describe(bridge(), model)
    )


def limit() -> int:
    """The query's page size.  Raises InvalidRequest."""
    text = request.args.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: expected a whole number from 1 to {MAX_LIMIT}", param="limit")
    return int(text)


def as_json(content: object) -> Response:
    return Response(orjson.dumps(content), mimetype="application/json")
