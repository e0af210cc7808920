"""What this is, whether it is alive, and whether it can serve."""

from flask import Blueprint, Response, jsonify, request

from copilot_bridge import __version__
from copilot_bridge.errors import BridgeError
from copilot_bridge.views.edge import bridge, call, identify, read_visit

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
    """Claude Code looks whether anybody is there."""
    return jsonify(message="hello")


@bp.post("/api/event_logging/batch")
def drop_telemetry() -> Response:
    """What older versions of Claude Code tell of their use.  It is neither read nor sent on."""
    return jsonify({})


@bp.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 with a usable Copilot token, else 503 and the reason; more to who may ask for more."""
    try:
        token = bridge().copilot().token()
    except BridgeError as error:
        if not trusted():
            return jsonify(status="not ready", kind=error.kind), 503
        return jsonify(status="not ready", reason=str(error), kind=error.kind), 503
    if not trusted():
        return jsonify(status="ready"), 200
    left = {name: snapshot.percent_remaining for name, snapshot in call().quota.items()}
    return jsonify(status="ready", copilot=token.api, percent_left=left), 200


def trusted() -> bool:
    """Health checks have no key; who has one is told more."""
    try:
        identify(bridge().gatekeeper.whence(read_visit(request.environ))[1])
    except BridgeError:
        return False
    return True
