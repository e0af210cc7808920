"""The home page: what the bridge is doing now, what is left of the plan, what went wrong.

Only the plan, which is loaded later, waits for GitHub.
"""

import time
from typing import Any

from flask import Blueprint, Response, request, url_for
from msgspec import Struct

from copilot_bridge.billing.budgets import quantity
from copilot_bridge.errors import BridgeError, LoginRequired, StoreError
from copilot_bridge.http.api import health
from copilot_bridge.http.pages import quotas, timezone
from copilot_bridge.http.pages.auth import debug_logged, redirect_303, shared
from copilot_bridge.http.pages.budgets import NOTABLE, budgets_of
from copilot_bridge.http.pages.charts import Spark, sparkline
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.outcomes import outcome_badge
from copilot_bridge.http.pages.rendering import page, render
from copilot_bridge.store.log_filter import FAILED, LogFilter
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.upstream.github.accounts import Account

bp = Blueprint("home", __name__)

HOUR, DAY = 3600, 86_400
FAILURES = 4  # that are listed
FAILED_WITHIN = 7 * DAY
SPARK_HOURS = 24


class ServingLogin(Struct, frozen=True):
    """The account that serves requests.  `problem`: why there is none.  `login_needed`: there is no login."""

    account: Account | None
    user: str = ""
    problem: str = ""
    login_needed: bool = False


class Today(Struct, frozen=True):
    """The reader's day so far.

    :param sums: of all requests.  :param failures: the last ones, of some days.
    :param last: request, or None.  :param spark: requests by the hour, of the last day.
    """

    sums: dict[str, Any]
    failures: list[RequestLogRow]
    last: RequestLogRow | None
    spark: Spark
    since: int


@bp.get("/")
@json_alternate(health.about, key=False)
def show() -> Response:
    login = who()
    asked = "quota" in request.args  # the link for browsers without scripts
    return page(
        "home.html",
        login=login,
        outdated=outdated(login.account),
        base_url=f"{request.host_url.rstrip('/')}{request.script_root}/v1",
        keyed=shared().authenticator.requires_key,
        budgets=budgets_of(shared(), NOTABLE),
        quantity=quantity,
        **running(),
        **figures(),
        **plan(login, ask=asked),
    )


@bp.post("/status/check")
def recheck() -> Response:
    """Look at once whether GitHub and the store work again."""
    shared().health.recheck()
    return redirect_303(url_for("pages.home.show"))


@bp.get("/status/quota")
@debug_logged
def quota() -> Response:
    return page("_quota.html", **plan(who(), ask=True))


@part("running")
def running_part() -> str:
    return render("_running.html", **running())


@part("today", every=3.0)
def today_part() -> str:
    return render("_today.html", **figures())


def running() -> dict[str, Any]:
    return {"running": shared().request_log_writer.running(), "unapproved": unapproved(), "now": time.time()}


def unapproved() -> set[str]:
    """The ids of the requests that wait for the operator."""
    if not shared().approval.wanted:
        return set()
    try:
        return {request.id for request in shared().store.approvals.waiting()}
    except StoreError:
        return set()


def figures() -> dict[str, Any]:
    return {"today": today(), "outcome_badge": outcome_badge}


def outdated(account: Account | None) -> str:
    """Copilot's warning about the client version that the bridge sends, from the cached catalogue."""
    catalogue = shared().models.cached(account) if account else None
    return catalogue.outdated if catalogue else ""


def who() -> ServingLogin:
    try:
        account = shared().account()
    except LoginRequired as error:
        return ServingLogin(None, problem=str(error), login_needed=True)
    except StoreError as error:
        return ServingLogin(None, problem=str(error))
    report = quotas.known_report(shared(), account)
    return ServingLogin(account, account.login or (report.usage.login if report else ""))


def plan(login: ServingLogin, *, ask: bool) -> dict[str, Any]:
    """The values of the plan for the template.  :param ask: GitHub, if the last report is old."""
    bridge, report, problem = shared(), None, ""
    if login.account:
        report = quotas.known_report(bridge, login.account)
        try:
            report = quotas.fetch_report(bridge, login.account) if ask else report
        except BridgeError as error:
            problem = str(error)
    return {
        "user": login.user,
        "plan": quotas.known_plan(bridge, login.account) if login.account and not report else "",
        "report": report,
        "problem": problem,
        "asked": ask,
        "logged_in": login.account is not None,
        "limits": quotas.limits_of(bridge, login.account),
        "outlook": quotas.outlook(bridge, login.account, report),
        "plan_name": quotas.plan_name,
        "quota_name": quotas.quota_name,
        "unit_name": quotas.unit_name,
    }


def today() -> Today | None:
    """The reader's day so far; None: the log can't be read."""
    since, now = timezone.midnight(), time.time()
    hour = int(now) // HOUR * HOUR
    hours = [hour + (index - SPARK_HOURS + 1) * HOUR for index in range(SPARK_HOURS + 1)]
    store = shared().store
    try:
        (groups,) = store.usage.spans([since, int(now) + 1], ("model",))
        spans = store.usage.spans(hours, ("model",))
        latest = store.request_log.latest(1)
        failed = store.request_log.page(LogFilter(since=now - FAILED_WITHIN, outcome=FAILED), limit=FAILURES)
    except StoreError:
        return None
    sums = {name: sum(group[name] or 0 for group in groups.values()) for name in ADDED}
    requests = [sum(group["requests"] for group in span.values()) for span in spans]
    errors = [sum(group["errors"] for group in span.values()) for span in spans]
    return Today(sums, failed, next(iter(latest), None), sparkline(hours, requests, errors), since)


ADDED = ("requests", "errors", "tokens_in", "tokens_out", "premium", "nano_aiu", "nano_cents")
