"""The page on which the operator approves or denies waiting requests."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from copilot_bridge.errors import BridgeError
from copilot_bridge.http.pages.auth import debug_logged, redirect_303, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.rendering import page

bp = Blueprint("approvals", __name__)

ANSWERS = {"yes": True, "no": False}
ALL = "all"


@bp.get("/approvals")
def show() -> Response:
    return page("approvals.html", said=said(request.args.get("said", "")), **state())


@bp.get("/approvals/waiting")
@debug_logged
def part() -> Response:
    return page("_approvals.html", **state())


@bp.post("/approvals")
def decide() -> Response:
    """Approve or deny one request, or all.  Raises BridgeError "invalid_request"."""
    answer, wanted = request.form.get("answer", ""), request.form.get("id", "")
    if answer not in ANSWERS or not wanted:
        raise BridgeError(tr("approvals.no_decision"), kind="invalid_request")
    table = shared().store.approvals
    chosen = [pending.id for pending in table.waiting()] if wanted == ALL else [wanted]
    decided = [table.decide(id_, yes=ANSWERS[answer]) for id_ in chosen]
    return redirect_303(url_for("pages.approvals.show", said=answer if any(decided) else "gone"))


def state() -> dict[str, Any]:
    bridge = shared()
    return {
        "questions": bridge.store.approvals.waiting(),
        "manual": bridge.approval.wanted,
        "patience": bridge.config.approval_timeout,
    }


def said(what: str) -> str:
    """The message about the last decision; "" for an unknown one."""
    words = {
        "yes": tr("approvals.approved"),
        "no": tr("approvals.denied"),
        "gone": tr("approvals.gone"),
    }
    return words.get(what, "")
