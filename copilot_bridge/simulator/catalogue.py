"""`GET /models` and `GET /models/{id}`: what `scenarios/models.json` holds, as far as the plan may see it."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from flask import Response

from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.refusals import Refused, model_not_supported, plain, unsupported_api

Row = Mapping[str, Any]

UNLISTED = ("/chat/completions", "/embeddings")  # what a model serves that lists nothing


@cache
def rows(tier: str) -> list[Row]:
    """The models of a plan; `billing.restricted_to` absent means all plans.  Ids may stand twice, as in the
    real list."""
    everything: list[Row] = orjson.loads(files(__package__).joinpath("scenarios/models.json").read_bytes())[
        "data"
    ]
    return [row for row in everything if tier in row["billing"].get("restricted_to", (tier,))]


@cache
def listing(tier: str) -> bytes:
    return orjson.dumps({"data": rows(tier), "object": "list"})


def find(model: object, tier: str) -> Row | None:
    return next((row for row in rows(tier) if row["id"] == model), None)


def pick(model: object, caller: Caller, path: str, kind: str) -> Row:
    """The row of a model that the caller may use on `path`; `kind` is what the surface serves: chat,
    embeddings.

    :raise Refused: unknown, disabled by policy, of another kind, or for another surface.
    """
    row = find(model, caller.persona.plan.tier)
    if row is None or row.get("policy", {}).get("state", "enabled") != "enabled":
        raise Refused(model_not_supported())
    if row["capabilities"]["type"] != kind:
        raise Refused(model_not_supported("Model is not supported for this request."))
    if path not in row.get("supported_endpoints", UNLISTED):
        raise Refused(unsupported_api(row["id"], path))
    return row


def list_models(caller: Caller) -> Response:
    return Response(listing(caller.persona.plan.tier), mimetype="application/json")


def show_model(caller: Caller, model: str) -> Response:
    row = find(model, caller.persona.plan.tier)
    if row is None:
        raise Refused(plain(404, f"model {model} not found", "no such model"))
    return Response(orjson.dumps(row), mimetype="application/json")


ROUTES = (
    ("GET", "/models", list_models),
    ("GET", "/models/<model>", show_model),
)
