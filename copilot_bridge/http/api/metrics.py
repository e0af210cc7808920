"""Metrics for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from flask import Blueprint, Response

from copilot_bridge.errors import BridgeError
from copilot_bridge.http.context import bridge, request_context
from copilot_bridge.threads import run_in_thread

bp = Blueprint("metrics", __name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@bp.get("/metrics")
def show() -> Response:
    """Metrics of all workers, for the operator.  Raises BridgeError "permission"."""
    if not request_context().caller.operator:
        raise BridgeError("only the operator may read the metrics", kind="permission")
    metrics, budgets = bridge().metrics, bridge().budget_standings()
    try:
        # Merging the files of many workers takes time, so it runs in a thread.
        text = run_in_thread(metrics.text, budgets) if metrics.shared else metrics.text(budgets)
    except OSError as error:
        raise BridgeError(f"the metrics can't be read: {error}", kind="unavailable") from error
    return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
