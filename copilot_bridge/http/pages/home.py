"""The home page: the state of the bridge.  Only the quota, which is loaded later, waits for GitHub."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, request

from copilot_bridge.errors import BridgeError, LoginRequired, StoreError
from copilot_bridge.http.api import health
from copilot_bridge.http.pages import quotas
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.upstream.github.accounts import Account

bp = Blueprint("home", __name__)

# Only responses report these limits, the account's report never does.
LIMITS = ("session", "weekly")


@dataclass(frozen=True)
class Login:
    """The account that serves requests.  `problem`: why there is none.  `nobody`: nobody has logged in."""

    account: Account | None
    user: str = ""
    problem: str = ""
    nobody: bool = False


@bp.get("/")
@json_alternate(health.about, key=False)
def show() -> Response:
    login = who()
    asked = "quota" in request.args  # the link for browsers without scripts
    return page(
        "home.html",
        login=login,
        outdated=outdated(login.account),
        cooldowns=shared().rate_limiter.cooldowns.of_account(login.account.fingerprint)
        if login.account
        else (),
        condition=shared().health.status.current,
        figures=today(),
        steps=next_steps(),
        base_url=f"{request.host_url.rstrip('/')}{request.script_root}/v1",
        keyed=shared().authenticator.requires_key,
        **quota_of(login, ask=asked),
    )


@bp.get("/status/quota")
@debug_logged
def part() -> Response:
    return page("_quota.html", **quota_of(who(), ask=True))


def outdated(account: Account | None) -> str:
    """Copilot's warning about the client version that the bridge sends, from the cached catalogue."""
    catalogue = shared().models.cached(account) if account else None
    return catalogue.outdated if catalogue else ""


def who() -> Login:
    try:
        account = shared().account()
    except LoginRequired as error:
        return Login(None, problem=str(error), nobody=True)
    except StoreError as error:
        return Login(None, problem=str(error))
    report = quotas.known_report(shared(), account)
    return Login(account, account.login or (report.usage.login if report else ""))


def quota_of(login: Login, *, ask: bool) -> dict[str, Any]:
    """The values of the quota for the template.  :param ask: GitHub, if the last report is old."""
    bridge, report, problem = shared(), None, ""
    if login.account:
        report = quotas.known_report(bridge, login.account)
        try:
            report = quotas.fetch_report(bridge, login.account) if ask else report
        except BridgeError as error:
            problem = str(error)
    samples = bridge.quota_snapshots.shared(login.account) if login.account else {}
    return {
        "user": login.user,
        "plan": quotas.known_plan(bridge, login.account) if login.account and not report else "",
        "report": report,
        "problem": problem,
        "asked": ask,
        "logged_in": login.account is not None,
        "samples": {name: snapshot for name, snapshot in samples.items() if not report or name in LIMITS},
        "plan_name": quotas.plan_name,
        "quota_name": quotas.quota_name,
        "unit_name": quotas.unit_name,
    }


def today() -> dict[str, Any] | None:
    """The sums since midnight, in the bridge's time zone; None: the log can't be read.

    :return: {"requests", "errors", "tokens", "cost" (AI units), "last_at" (unix seconds or None)}
    """
    now = datetime.now().astimezone()
    offset = now.utcoffset() or timedelta()
    store = shared().store
    try:
        rows = store.usage.days(now.timestamp(), offset // timedelta(minutes=1))
        latest = store.request_log.latest(1)
    except StoreError:
        return None
    return {
        "requests": sum(row["requests"] for row in rows),
        "errors": sum(row["errors"] for row in rows),
        "tokens": sum(row["tokens_in"] + row["tokens_out"] for row in rows),
        "cost": sum(row["cost"] or 0.0 for row in rows),
        "last_at": latest[0].at if rows and latest else None,
    }


def next_steps() -> list[tuple[str, str]]:
    """The links to the pages that exist, as (endpoint, text)."""
    steps = (
        ("pages.setup.show", tr("home.set_up_client")),
        ("pages.usage.show", tr("home.see_usage")),
        ("pages.requests.show", tr("home.see_failures")),
    )
    return [(endpoint, text) for endpoint, text in steps if endpoint in current_app.view_functions]
