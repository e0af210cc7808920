"""The pages to sign in with the operator's key, and to sign out."""

import time

from cachetools import TTLCache
from flask import Blueprint, Response, g, request, url_for

from copilot_bridge.errors import BridgeError
from copilot_bridge.http.pages.auth import (
    close_session,
    local_path,
    login_exempt,
    open_session,
    redirect_303,
    shared,
)
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.rendering import page

bp = Blueprint("sign_in", __name__)

# Seconds between two tries of an address.  A try that would have to wait longer than MAX_WAIT is refused.
PAUSE, MAX_WAIT = 0.5, 3.0
_next: TTLCache[str, float] = TTLCache(4096, 600.0)


@bp.get("/sign-in")
@login_exempt
def show() -> Response:
    following = local_path(request.args.get("next", ""))
    if g.visitor and g.visitor.caller.operator:
        return redirect_303(following)
    return form(following)


@bp.post("/sign-in")
@login_exempt
def enter() -> Response:
    """Sign in with the key in the form.  Raises BridgeError "rate_limited"."""
    following = local_path(request.form.get("next", ""))
    key = request.form.get("key", "").strip()
    wait_turn(g.entry.caller)
    try:
        caller = shared().authenticator.authenticate([key], local=False, address=g.entry.caller)
    except BridgeError as error:
        if error.kind == "rate_limited":
            raise
        g.entry.note_error(error)
        return form(following, 401, tr("sign_in.unknown_key"))
    if not caller.operator:
        text = tr("sign_in.models_only_key")
        return form(following, 403, text)
    _next.pop(g.entry.caller, None)
    return open_session(redirect_303(following), key)


@bp.post("/sign-out")
@login_exempt
def leave() -> Response:
    return close_session(redirect_303(url_for("pages.sign_in.show")))


def form(following: str, status: int = 200, problem: str = "") -> Response:
    required = shared().authenticator.requires_key
    return page("sign_in.html", status, following=following, problem=problem, required=required)


def wait_turn(address: str) -> None:
    """Wait until this address may try a key: a key that a person has made up could be guessed.

    :raises BridgeError: "rate_limited".
    """
    now = time.monotonic()
    turn = max(now, _next.get(address, now))
    if turn - now > MAX_WAIT:
        raise BridgeError(
            tr("sign_in.too_many_tries"),
            kind="rate_limited",
            headers={"Retry-After": "5"},
        )
    _next[address] = turn + PAUSE
    time.sleep(turn - now)
