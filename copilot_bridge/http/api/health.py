"""Endpoints about the bridge itself: name and version, liveness, readiness."""

from typing import Any

from flask import Blueprint, Response, jsonify

from copilot_bridge import __version__
from copilot_bridge.errors import BridgeError
from copilot_bridge.http.context import bridge, request_context
from copilot_bridge.http.identification import identify, is_local
from copilot_bridge.status.condition import Condition

bp = Blueprint("health", __name__)

ENDPOINTS = (
    "POST /v1/chat/completions",
    "POST /v1/responses",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/{id}",
    "GET /usage.json",
    "GET /metrics",
    "GET /healthz",
    "GET /readyz",
)


@bp.get("/")
def about() -> Response:
    return jsonify(
        name="copilot-bridge",
        version=__version__,
        about="Your own GitHub Copilot subscription, as the APIs that your tools already speak. Unofficial.",
        endpoints=list(ENDPOINTS),
    )


@bp.get("/healthz")
def alive() -> Response:
    return jsonify(status="alive")


@bp.get("/api/hello")
def hello() -> Response:
    """Respond to Claude Code's check that the server is reachable."""
    return jsonify(message="hello")


@bp.post("/api/event_logging/batch")
def drop_telemetry() -> Response:
    """Accepts the telemetry of older versions of Claude Code, and drops it unread."""
    return jsonify({})


@bp.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 with a usable Copilot token, else 503 and the reason; callers with a key get details."""
    condition = bridge().health.condition()
    report = {"status": "ready" if condition.ready else "not ready", "state": condition.state}
    if condition.kind:
        report["kind"] = condition.kind
    if condition.store:
        report["store"] = condition.store
    response = jsonify(report | (details(condition) if is_authenticated() else {}))
    if not condition.ready:
        response.headers["Retry-After"] = str(bridge().health.retry_after())
    return response, 200 if condition.ready else 503


def details(condition: Condition) -> dict[str, Any]:
    """Details for callers with a key.  `since`, `until`: unix seconds; `cooldowns`: see the report."""
    report: dict[str, Any] = {
        "since": round(condition.since),
        "cooldowns": bridge().rate_limiter.cooldowns.report(),
    }
    if condition.reason:
        report["reason"] = condition.reason
    if condition.until:
        report["until"] = round(condition.until)
    if condition.ready:
        report["copilot"] = bridge().copilot().token().api
        report["percent_left"] = {
            name: snapshot.percent_remaining for name, snapshot in request_context().quota.items()
        }
    return report


def is_authenticated() -> bool:
    """Return whether the caller has a key; health checks have none."""
    try:
        identify(is_local())
    except BridgeError:
        return False
    return True
