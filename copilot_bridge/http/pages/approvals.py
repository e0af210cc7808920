"""The page on which the operator approves or denies waiting requests."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from msgspec import Struct

from copilot_bridge.access.approval import GRANT
from copilot_bridge.billing.charge import CENTS_OF_PREMIUM_REQUEST
from copilot_bridge.errors import BridgeError
from copilot_bridge.http.pages.auth import redirect_303, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.rendering import page, render
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.spending import estimated_prompt
from copilot_bridge.store.approvals import PendingRequest

bp = Blueprint("approvals", __name__)

YES, NO, ALLOW = "yes", "no", "allow"
ANSWERS = {YES: True, NO: False, ALLOW: True}
ALL = "all"
MILLION = 1_000_000


class WaitingRequest(Struct, frozen=True):
    """A waiting request as the page shows it.

    :param until: unix seconds at which it is refused.  :param client: the program, or "".
    :param premium: premium requests that it takes.  :param dollars: what its prompt costs at list price.
        None: not known.
    """

    request: PendingRequest
    until: float
    client: str
    premium: float | None
    dollars: float | None


@bp.get("/approvals")
def show() -> Response:
    return page("approvals.html", said=said(request.args.get("said", "")), **state())


@part("approvals")
def waiting_part() -> str:
    return render("_approvals.html", **state())


@bp.post("/approvals")
def decide() -> Response:
    """Approve or deny one request, or all; or allow its key for a while.  Raises BridgeError."""
    answer, wanted = request.form.get("answer", ""), request.form.get("id", "")
    if answer not in ANSWERS or not wanted:
        raise BridgeError(tr("approvals.no_decision"), kind="invalid_request")
    table = shared().store.approvals
    waiting = table.waiting()
    chosen = [pending.id for pending in waiting] if wanted == ALL else [wanted]
    if answer == ALLOW:
        caller = next((pending.caller for pending in waiting if pending.id == wanted), "")
        if caller:
            shared().approval.allow(caller)
        chosen = [pending.id for pending in waiting if pending.caller == caller]
    decided = [table.decide(id_, yes=ANSWERS[answer]) for id_ in chosen]
    return redirect_303(url_for("pages.approvals.show", said=answer if any(decided) else "gone"))


@bp.post("/approvals/allowed")
def end_grant() -> Response:
    """Ask for the requests of a key again."""
    shared().approval.forbid(request.form.get("caller", ""))
    return redirect_303(url_for("pages.approvals.show"))


def state() -> dict[str, Any]:
    bridge = shared()
    waiting = bridge.store.approvals.waiting()
    clients = (
        {entry.row.id: entry.row.client for entry in bridge.request_log_writer.running()} if waiting else {}
    )
    return {
        "questions": [question(pending, clients.get(pending.id) or "") for pending in waiting],
        "manual": bridge.approval.wanted,
        "patience": bridge.config.approval_timeout,
        "allowed": bridge.approval.allowed() if bridge.approval.wanted else {},
        "minutes": round(GRANT / 60),
    }


def question(pending: PendingRequest, client: str) -> WaitingRequest:
    model = catalogued(pending.model)
    until = pending.at + shared().config.approval_timeout
    dollars = None
    if model and model.multiplier is not None:
        dollars = model.multiplier * CENTS_OF_PREMIUM_REQUEST / 100
    elif model and model.prices:
        dollars = estimated_prompt(model, pending.size) * model.prices.usual.given / MILLION / 100
    return WaitingRequest(pending, until, client, model.multiplier if model else None, dollars)


def catalogued(name: str) -> Model | None:
    """The model by any of its names, in the cached catalogue."""
    bridge = shared()
    try:
        catalogue = bridge.models.cached(bridge.account())
    except BridgeError:
        return None
    return catalogue.find(name) if catalogue else None


def said(what: str) -> str:
    """The message about the last decision; "" for an unknown one."""
    words = {
        YES: tr("approvals.approved"),
        NO: tr("approvals.denied"),
        ALLOW: tr("approvals.allowed", minutes=round(GRANT / 60)),
        "gone": tr("approvals.gone"),
    }
    return words.get(what, "")
