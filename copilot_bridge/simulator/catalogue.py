"""Model catalogues: `GET /models` and `GET /models/{id}`.

They hold what `scenarios/models-….json` has, as far as the plan may see it, in the form that the client's API
version knows.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.personas import Plan
from copilot_bridge.simulator.prices import priced_row
from copilot_bridge.simulator.refusals.forms import model_not_supported, plain, unsupported_api
from copilot_bridge.simulator.refusals.refusal import Refused

Row = Mapping[str, Any]

COMPLETIONS = "/v1/engines/<engine>/completions"  # on a host of its own
UNLISTED = ("/chat/completions", "/embeddings", COMPLETIONS)  # what a model serves that lists nothing


# The oldest versions of clients that get no warning to update: a plugin of VS Code, GitHub's own CLI.
CURRENT = {"copilot-chat": (0, 48), "copilot": (1, 0, 60)}
DEPRECATED = {
    "code": "client_version_deprecated",
    "message": "Your billing plan has changed to usage-based billing and model multipliers no longer apply. "
    "Please update your client to the latest version to see the new billing information.",
}


@cache
def rows(plan: Plan) -> list[Row]:
    """The models of a plan.

    A row without `billing.restricted_to` is for all plans.  An id may stand twice, as in the real list.
    """
    data = files(__package__).joinpath(f"scenarios/models-{plan.catalogue}.json").read_bytes()
    everything: list[Row] = orjson.loads(data)["data"]
    return [row for row in everything if plan.tier in row["billing"].get("restricted_to", (plan.tier,))]


@lru_cache(64)
def listing(plan: Plan, api_version: str, old: bool) -> bytes:
    """The body of the list of models.

    :param old: the client's version is out of date, and each row says so.
    """
    return orjson.dumps({"data": [row_for(row, api_version, old) for row in rows(plan)], "object": "list"})


def row_for(row: Row, api_version: str, old: bool) -> Row:
    row = priced_row(row, api_version)
    warned = old and "multiplier" not in row["billing"]
    return {**row, "warning_messages": [*row.get("warning_messages", ()), DEPRECATED]} if warned else row


def is_old(names: Iterable[str]) -> bool:
    """`names`: of clients, with their versions: copilot-chat/0.42.0."""
    parts = (name.partition("/") for name in names)
    known = ((CURRENT[client], version) for client, _, version in parts if client in CURRENT)
    return any(tuple(map(int, re.findall(r"\d+", version))) < least for least, version in known)


def find(model: object, plan: Plan) -> Row | None:
    return next((row for row in rows(plan) if row["id"] == model), None)


def pick(model: object, caller: Caller, path: str, kind: str) -> Row:
    """The row of a model that the caller may use on `path`.

    :param kind: of the models that the surface serves: chat, embeddings.
    :raise Refused: unknown, disabled by policy, of another kind, or for another surface.
    """
    row = find(model, caller.persona.plan)
    if row is None or row.get("policy", {}).get("state", "enabled") != "enabled":
        raise Refused(model_not_supported())
    if row["capabilities"]["type"] != kind:
        raise Refused(model_not_supported("Model is not supported for this request."))
    if path not in row.get("supported_endpoints", UNLISTED):
        raise Refused(unsupported_api(row["id"], path))
    return row


def list_models(caller: Caller) -> Response:
    return Response(listing(caller.persona.plan, *client_version()), mimetype="application/json")


def client_version() -> tuple[str, bool]:
    """The client's API version, and whether it is an old client."""
    headers = request.headers
    names = (headers.get("Editor-Version", ""), headers.get("Editor-Plugin-Version", ""))
    return headers.get("X-GitHub-Api-Version", "")[:10], is_old(names)


def show_model(caller: Caller, model: str) -> Response:
    row = find(model, caller.persona.plan)
    if row is None:
        raise Refused(plain(404, f"model {model} not found", "no such model"))
    return Response(orjson.dumps(row_for(row, *client_version())), mimetype="application/json")


ROUTES = (
    ("GET", "/models", list_models),
    ("GET", "/models/<model>", show_model),
)
