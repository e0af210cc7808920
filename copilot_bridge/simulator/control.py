"""`/_simulator`: what it can do, what it received, and scripts for the next requests."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request

from copilot_bridge.simulator.device import devices, read_script
from copilot_bridge.simulator.directives import DIRECTIVES, SPOKEN
from copilot_bridge.simulator.ledger import Query
from copilot_bridge.simulator.outages import read_paths
from copilot_bridge.simulator.personas import PERSONAS
from copilot_bridge.simulator.refusals.calls import CALLS
from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import Limits, world

PREFIX = "/_simulator"

bp = Blueprint("control", __name__, url_prefix=PREFIX)


def scenarios() -> dict[str, str]:
    """The recordings that ship, by name, with a line on each."""
    found: dict[str, str] = orjson.loads(files(__package__).joinpath("scenarios/index.json").read_bytes())
    return found


def overview() -> dict[str, Any]:
    """Everything that can be asked for, from the tables that do it."""
    return {
        "personas": {name: row.about for name, row in PERSONAS.items()},
        "directives": {
            name: {
                "about": row.about,
                "group": row.group,
                "options": row.options,
                "forms": row.forms,
                "surfaces": row.surfaces,
            }
            for name, row in DIRECTIVES.items()
        },
        "refusals": {name: f"{row.status}: {row.about}" for name, row in CALLS.items()},
        "scenarios": scenarios(),
        "controls": {name: str(view.__doc__) for name, view in CONTROLS.items()},
    }


def overview_lines() -> Iterator[str]:
    """The same for people."""
    yield "Personas (tokens ghu_sim_NAME, gho_sim_NAME, github_pat_sim_NAME, with any suffix):"
    yield from (f"  {name:15} {row.about}" for name, row in PERSONAS.items())
    yield "\nDirectives ([[sim:NAME key=value]] in a user message; all take once=KEY or times=N key=KEY):"
    for name, row in DIRECTIVES.items():
        options = " ".join(
            f"{key}={'|'.join(value) if isinstance(value, tuple) else value}"
            for key, value in row.options.items()
        )
        where = "" if set(row.surfaces) >= set(SPOKEN) else f" ({', '.join(row.surfaces)})"
        yield f"  {f'{name} {options}'.strip():45} {row.about}{where}"
    yield "\nRefusals ([[sim:refuse name=NAME]]):"
    yield from (f"  {name:22} {row.status}: {row.about}" for name, row in CALLS.items())
    yield "\nScenarios ([[sim:scenario name=NAME]]):"
    yield from (f"  {name:22} {about}" for name, about in scenarios().items())
    yield f"\nControls (POST {PREFIX}/NAME):"
    yield from (f"  {name:22} {view.__doc__}" for name, view in CONTROLS.items())


def respond(body: object) -> Response:
    return Response(orjson.dumps(body), mimetype="application/json")


@bp.get("")
def show_overview() -> Response:
    return respond(overview())


@bp.get("/requests")
def list_requests() -> Response:
    """Lists the requests that fit the query.

    The query takes `match` (in the body), `path` (in the path), `started` and `ended` (not before; unix s),
    and `timeout` (s to wait for the first one).
    """
    asked = request.args
    if unknown := asked.keys() - {"match", "path", "started", "ended", "timeout"}:
        raise Refused(misuse(f"unknown filter: {', '.join(sorted(unknown))}"))
    query = Query(
        match=asked.get("match", ""),
        path=asked.get("path", ""),
        started=asked.get("started", 0.0, float),
        ended=asked.get("ended", 0.0, float),
    )
    return respond(world().ledger.find(query, asked.get("timeout", 0.0, float)))


@bp.delete("/requests")
def clear_requests() -> Response:
    world().ledger.clear()
    return respond({})


def script_device() -> Response:
    """`{"responses": ["authorization_pending", "success"], "token": "…"}`: those of the next device code."""
    devices().script(read_script(request.get_json(force=True, silent=True)))
    return respond({})


def expire_tokens() -> Response:
    """`{"github_token": "…"}`: its Copilot tokens are expired from now on."""
    body = request.get_json(force=True, silent=True)
    github_token = body.get("github_token") if isinstance(body, dict) else None
    if not isinstance(github_token, str):
        raise Refused(misuse("expire wants a github_token"))
    return respond({"expired": world().mint.expire(github_token)})


def limit_websockets() -> Response:
    """`{"github_token": "…", "age": 60, "compression": "refuse"}`: its next WebSockets, see `Limits`."""
    body = request.get_json(force=True, silent=True)
    body = dict(body) if isinstance(body, dict) else {}
    github_token = body.pop("github_token", None)
    if not isinstance(github_token, str) or body.keys() - LIMITS.keys():
        raise Refused(misuse(f"websockets have a github_token and {', '.join(LIMITS)}"))
    for name, value in body.items():
        if not isinstance(value, LIMITS[name]):
            raise Refused(misuse(f"{name} can't be {value!r}"))
    world().limits[github_token] = Limits(**body)
    return respond({})


def set_outages() -> Response:
    """`{"github_token": "…", "paths": {"/auto": 404, "ws:/responses": "never"}}`: fail; null ends it."""
    body = request.get_json(force=True, silent=True)
    body = body if isinstance(body, dict) else {}
    if not isinstance(body.get("github_token"), str):
        raise Refused(misuse("an outage needs a github_token"))
    known = frozenset(copilot_paths())
    world().outages.change(body["github_token"], read_paths(body.get("paths"), known))
    return respond({})


LIMITS: dict[str, type | tuple[type, ...]] = {
    "age": (int, float),
    "idle": (int, float),
    "compression": str,
    "window": int,
    "memory": bool,
    "extensions": str,
}
CONTROLS = {
    "device": script_device,
    "expire": expire_tokens,
    "outages": set_outages,
    "websockets": limit_websockets,
}
for name, view in CONTROLS.items():
    bp.add_url_rule(f"/{name}", view_func=view, methods=["POST"])


def copilot_paths() -> Iterator[str]:
    """The routes of the Copilot API, without a host; `ws:` before those of WebSockets."""
    for rule in current_app.url_map.iter_rules():
        if rule.endpoint.startswith("copilot."):
            yield f"ws:{rule.rule}" if rule.websocket else rule.rule


@bp.errorhandler(Refused)
def say_no(refused: Refused) -> Response:
    refusal = refused.refusal
    return Response(refusal.content(), refusal.status, refusal.all_headers())
