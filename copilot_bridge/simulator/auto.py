"""Auto mode, where the upstream picks the model: `POST /auto`, and the two calls of its first version.

Both give a session token that is bound to the account.  `/auto` embeds the model in the shape of a row of
`/models`; the first version names it.  Sources: what Copilot's CLI 1.0.102 sends (November 2026), and what
VS Code reads in the responses (microsoft/vscode: autoV2Fetcher.ts, routerDecisionFetcher.ts; October 2026).
"""

import secrets
from collections.abc import Mapping
from time import time
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue
from copilot_bridge.simulator.gate import Caller, check_session
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.outages import refuse_with
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import world

FIRST_API_VERSION = "2026-08-01"
"""The API version that has `/auto`: in older ones it is a 404 (VS Code's autoV2Fetcher.ts, October 2026)."""

AUTO_LIFE = 24 * 3600  # seconds; nothing renews it
SESSION_LIFE = 3600  # seconds

POOLS: dict[str, tuple[str, ...]] = {
    "efficiency": ("gpt-5-mini", "claude-haiku-4.5"),
    "balance": ("claude-sonnet-5", "claude-sonnet-4.6", "claude-sonnet-4.5", "claude-haiku-4.5"),
    "intelligence": ("claude-opus-5", "claude-opus-4.7", "claude-opus-4.6", "claude-haiku-4.5"),
}
"""What each tier would use, the best first; the first that the plan has is picked."""

DISCOUNT = 0.1
VOLATILE = frozenset({"policy", "warning_messages", "info_messages", "model_picker_enabled"})
"""Fields of a row of `/models` that an embedded model lacks."""


def choose_model(caller: Caller) -> Response:
    """`POST /auto`: `{"prompt", "has_image"?, "multi_turn"?, "tier"?}`."""
    if request.headers.get("X-GitHub-Api-Version", "") < FIRST_API_VERSION:
        refuse_with(404)
    body = read_body()
    if not isinstance(body.get("prompt"), str):
        raise Refused(invalid("prompt is required", param="prompt"))
    row = pick(caller, tier_in(body), bool(body.get("has_image")))
    return respond(
        {
            "session_token": open_session(caller),
            "expires_at": int(time()) + AUTO_LIFE,
            "selected_model": {name: value for name, value in row.items() if name not in VOLATILE},
            "hydra_scores": {"reasoning": 0.42, "code_gen": 0.61, "debugging": 0.18, "tool_use": 0.55},
            "discounted_costs": {row["id"]: DISCOUNT},
        }
    )


def start_session(caller: Caller) -> Response:
    """`POST /models/session`, the first version."""
    pool = models_in("efficiency", caller)
    return respond(
        {
            "available_models": [row["id"] for row in pool],
            "selected_model": pool[0]["id"],
            "expires_at": int(time()) + SESSION_LIFE,
            "discounted_costs": {row["id"]: DISCOUNT for row in pool},
            "session_token": open_session(caller),
        }
    )


def predict_intent(caller: Caller) -> Response:
    """`POST /models/session/intent`: which of the session's models suits a prompt."""
    body = read_body()
    if not request.headers.get("Copilot-Session-Token"):
        refuse("auto-selector")
    check_session(caller)
    offered = body.get("available_models")
    if not isinstance(body.get("prompt"), str) or not isinstance(offered, list) or not offered:
        raise Refused(invalid("prompt and available_models are required"))
    return respond(
        {
            "predicted_label": "no_reasoning",
            "confidence": 0.93,
            "latency_ms": 12,
            "candidate_models": offered,
            "scores": {"needs_reasoning": 0.07, "no_reasoning": 0.93},
            "chosen_model": offered[0],
            "sticky_override": False,
            "routing_method": "hydra",
        }
    )


def read_body() -> Mapping[str, Any]:
    """The body of the request as an object.

    :raise Refused: it is no JSON object.
    """
    body = parse(request.get_data())
    if not isinstance(body, dict):
        raise Refused(invalid("failed to parse request body"))
    return body


def tier_in(body: Mapping[str, Any]) -> str:
    """The tier that the body asks for.

    :raise Refused: there is no such tier.
    """
    tier = body.get("tier") or "balance"
    if tier not in POOLS:
        raise Refused(invalid(f"unknown tier: {tier}", "invalid_tier"))
    return str(tier)


def pick(caller: Caller, tier: str, has_image: bool) -> catalogue.Row:
    rows = models_in(tier, caller)
    seeing = [row for row in rows if row["capabilities"]["supports"].get("vision")]
    return (seeing if has_image and seeing else rows)[0]


def models_in(tier: str, caller: Caller) -> list[catalogue.Row]:
    """The models of a tier that the caller's plan has."""
    found = (catalogue.find(model, caller.persona.plan) for model in POOLS[tier])
    return [row for row in found if row is not None]


def open_session(caller: Caller) -> str:
    session = f"st_{secrets.token_hex(16)}"
    world().sessions[session] = caller.github_token
    return session


def respond(body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), mimetype="application/json")


ROUTES = (
    ("POST", "/auto", choose_model),
    ("POST", "/models/session", start_session),
    ("POST", "/models/session/intent", predict_intent),
)
