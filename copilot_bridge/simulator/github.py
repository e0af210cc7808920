"""github.com and api.github.com: who one is, and what that is worth at Copilot."""

import secrets
from collections.abc import Mapping

import orjson
from flask import Blueprint, Response, request

from copilot_bridge.simulator import accounts
from copilot_bridge.simulator.personas import Persona, identify
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import credential, world

CLASSIC_PAT = "ghp_"

bp = Blueprint("github", __name__)


@bp.get("/copilot_internal/v2/token")
def exchange_token() -> Response:
    """Gives a short-lived Copilot token.

    PATs are refused.  Each attempt of a token moves its persona's script on by one.
    """
    github_token, persona = signed_in(classic="not-found")
    if github_token.startswith("github_pat_"):
        refuse("pat-not-accessible")
    attempt = world().exchanges[github_token]
    world().exchanges[github_token] += 1
    outcome = nth(persona.exchanges, attempt)
    if outcome != "ok":
        refuse(outcome)
    return respond(accounts.token_response(world(), github_token, persona, nth(persona.paths, attempt)))


@bp.get("/copilot_internal/user")
def show_account() -> Response:
    _token, persona = signed_in(classic="not-found")
    form = accounts.FORMS.get(persona.user_info)
    return respond(form(world(), persona)) if form else refuse(persona.user_info)


@bp.get("/copilot_internal/managed_settings")
def show_managed_settings() -> Response:
    """The organization's settings for clients: none; 404 for an account without an organization."""
    _token, persona = signed_in(classic="not-found")
    return refuse("not-found") if persona.plan.individual else respond({})


@bp.get("/copilot_internal/team_customizations")
def show_team_customizations() -> Response:
    """The plugins that the person's teams are to have: none."""
    _token, persona = signed_in(classic="not-found")
    return refuse("not-found") if persona.plan.individual else respond({"plugins": []})


@bp.get("/copilot/mcp_registry")
def show_mcp_registry() -> Response:
    """The organization's rule on MCP servers: it allows any, as it keeps no registry."""
    signed_in(classic="not-found")
    return respond({"mcp_registries": []})


@bp.post("/telemetry")
def take_telemetry() -> Response:
    """Nothing is kept; a client that is refused would try again."""
    return respond({})


@bp.get("/user")
def show_user() -> Response:
    _token, persona = signed_in()
    return respond({"login": persona.login, "id": 1, "type": "User", "name": f"Octo {persona.name.title()}"})


@bp.post("/graphql")
def query_graph() -> Response:
    """Run the query that Copilot's own clients send: `{ viewer { login copilotEndpoints { api } } }`."""
    _token, persona = signed_in()
    body = request.get_json(force=True, silent=True)
    query = body.get("query") if isinstance(body, dict) else None
    if not isinstance(query, str) or "copilotEndpoints" not in query:
        return respond(
            {"errors": [{"type": "undefinedField", "message": "the simulator knows only copilotEndpoints"}]}
        )
    found = {"login": persona.login, "copilotEndpoints": accounts.endpoints(world(), persona.paths[-1])}
    return respond({"data": {"viewer": found}})


def signed_in(classic: str | None = None) -> tuple[str, Persona]:
    """The GitHub token and its owner.

    :param classic: how an endpoint refuses classic PATs, if it does.
    :raise Refused: no User-Agent, no token, or not a token that GitHub issued.
    """
    if not request.headers.get("User-Agent"):
        refuse("no-user-agent")
    github_token = credential(request.headers.get("Authorization", ""))
    if not github_token:
        refuse("requires-authentication")
    if github_token.startswith(CLASSIC_PAT):
        if classic:
            refuse(classic)
        return github_token, Persona(name="pat", about="a classic PAT")
    persona = identify(github_token)
    return (github_token, persona) if persona else refuse("bad-credentials")


def respond(body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), mimetype="application/json")


def nth(script: tuple[str, ...], index: int) -> str:
    """The step at `index`; the last one repeats."""
    return script[min(index, len(script) - 1)]


@bp.errorhandler(Refused)
def say_no(refused: Refused) -> Response:
    refusal = refused.refusal
    return Response(refusal.content(), refusal.status, refusal.all_headers())


@bp.after_request
def sign(response: Response) -> Response:
    """The headers of api.github.com; a refusal may have brought its own rate limit."""
    response.headers.setdefault("x-github-request-id", support_id())
    response.headers.setdefault("x-ratelimit-limit", "5000")
    response.headers.setdefault("x-ratelimit-remaining", "4987")
    response.headers.setdefault("x-github-media-type", "github.v3; format=json")
    return response


def support_id() -> str:
    """An id in the form of `C0DE:1A2B:3C4D5E:6F7081:6A000000`."""
    return "C0DE:" + ":".join(secrets.token_hex(size).upper() for size in (2, 3, 3, 4))
