"""The page for logging in to GitHub by device code, and for the stored logins."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from msgspec import Struct

from copilot_bridge.admin.accounts import forget_account, use_account
from copilot_bridge.billing.forecast import metered
from copilot_bridge.billing.quota import Quota
from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.pages import quotas
from copilot_bridge.http.pages.auth import redirect_303, shared
from copilot_bridge.http.pages.device_login import SharedFlow
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.rendering import page, render
from copilot_bridge.pipeline import Bridge
from copilot_bridge.store.logins import Login
from copilot_bridge.upstream.github.accounts import Account

bp = Blueprint("device", __name__)

# GitHub's error codes -> the endings that have a text of their own.
ENDS = {"expired_token": "expired", "access_denied": "denied"}


@bp.get("/auth/device")
def show() -> Response:
    if "look" in request.args:  # a link for browsers without scripts
        SharedFlow(shared()).poll()
    return shown("device.html")


@part("login")
def login_part() -> str:
    """The state, after polling GitHub if it is due: without an open page nothing polls."""
    SharedFlow(shared()).poll()
    return render("_device.html", **state())


@bp.post("/auth/device")
def start() -> Response:
    """Start a login.  If GitHub gives no code, the page shows why."""
    try:
        SharedFlow(shared()).start()
    except BridgeError as error:
        g.entry.note_error(error)
        return shown("device.html", 503 if isinstance(error, StoreError) else 502, str(error))
    return redirect_303(url_for("pages.device.show"))


@bp.post("/auth/device/stop")
def stop() -> Response:
    SharedFlow(shared()).stop()
    return redirect_303(url_for("pages.device.show"))


@bp.post("/auth/device/use")
def use() -> Response:
    """Use a stored login from now on.  Raises InvalidRequest: there is no such login."""
    if not use_account(shared(), request.form.get("user", "")):
        raise InvalidRequest(tr("accounts.no_such_login"))
    return redirect_303(url_for("pages.device.show"))


@bp.post("/auth/device/remove")
def remove() -> Response:
    """Remove a stored login.  Raises InvalidRequest: there is no such login."""
    if not forget_account(shared(), request.form.get("user", "")):
        raise InvalidRequest(tr("accounts.no_such_login"))
    return redirect_303(url_for("pages.device.show"))


def shown(template: str, status: int = 200, problem: str = "") -> Response:
    return page(template, status, **state(problem))


def state(problem: str = "") -> dict[str, Any]:
    """The values for the template."""
    bridge = shared()
    login = SharedFlow(bridge).state()
    stored = list(reversed(bridge.logins.all()))
    used = next((account for account in stored if account.host == bridge.hosts.api), None)
    return {
        "details": {row.user: details_of(bridge, row) for row in stored if row.host == bridge.hosts.api},
        "quota_name": quotas.quota_name,
        "login": login,
        "end": ENDS.get(login.reason, "failed") if login else "",
        "problem": problem,
        "accounts": stored,
        "used": used,
        "host": bridge.hosts.api,
        "github": bridge.hosts.github,
        "given": bool(bridge.config.github_token),
        "lasting": bridge.store.database.persistent,
    }


class Details(Struct, frozen=True):
    """The known facts about a stored login, without asking GitHub.

    :param plan: its name, or "".  :param quota: what is left of the plan, or None.
    :param rests_until: unix seconds until which Copilot wants the account left alone; 0: it does not.
    :param used_at: the hour of its last request, or None.  :param keys: the names of the keys that use it.
    """

    plan: str
    quota: Quota | None
    rests_until: float
    used_at: float | None
    keys: tuple[str, ...]


def details_of(bridge: Bridge, login: Login) -> Details:
    account = Account(login.user, login.token, bridge.hosts)
    report = quotas.known_report(bridge, account)
    plan = quotas.plan_name(report.usage) if report else quotas.known_plan(bridge, account)
    pauses = bridge.rate_limiter.cooldowns.of_account(account.fingerprint)
    until = next((pause.until for pause in pauses if not pause.model and not pause.path), 0.0)
    try:
        used_at = bridge.store.usage.last_uses("account").get(login.user)
        keys = tuple(key.name for key in bridge.store.keys.all() if key.account == login.user)
    except StoreError:
        used_at, keys = None, ()
    return Details(plan, metered(report.usage) if report else None, until, used_at, keys)
