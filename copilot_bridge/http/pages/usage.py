"""What is left of the plan, and what used it up.

The log's sums are there at once; what is left comes from GitHub, and nobody waits for it but the region that
shows it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, request

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.billing.quota import percentage
from copilot_bridge.billing.usage import DAY, Sums, midnight, name_of_day
from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.api.usage import as_json
from copilot_bridge.http.pages import quotas, timezone
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.charts import Chart, stacked
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.pipeline import Bridge
from copilot_bridge.store.request_log import Filter
from copilot_bridge.upstream.github.accounts import Account

bp = Blueprint("usage", __name__)

DAYS = 30
LATEST = 10  # requests whose cost is told one by one

ADDED = ("requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost")

# What the chart can show -> the sums that it adds up.
METRICS = {
    "requests": ("requests",),
    "premium": ("premium",),
    "cost": ("cost",),
    "tokens": ("tokens_in", "tokens_out"),
}


@dataclass(frozen=True)
class Choice:
    """:param user: the login that was chosen, "": none.  :param users: there are to choose from."""

    user: str
    users: tuple[str, ...]


@bp.get("/usage")
@json_alternate(as_json)
def show() -> Response:
    chosen = choice()
    return page(
        "usage.html",
        chosen=chosen,
        log=log_of(chosen.user),
        **left_of(chosen.user, ask="quota" in request.args),
    )


@bp.get("/usage/quota")
@debug_logged
def part() -> Response:
    return page("_usage_quota.html", **left_of(choice().user, ask=True))


def choice() -> Choice:
    """Raises InvalidRequest: there is no such login."""
    bridge = shared()
    try:
        users = tuple(each.user for each in reversed(bridge.logins.all()) if each.host == bridge.hosts.api)
    except StoreError:
        users = ()
    wanted = request.args.get("account", "")
    if wanted and wanted not in users:
        raise InvalidRequest(tr("accounts.no_such_login"))
    return Choice(wanted, users)


# What is left.


def left_of(user: str, *, ask: bool) -> dict[str, Any]:
    """:param user: "": the account that requests use.  :param ask: GitHub, if what is known is old."""
    bridge, account, report, problem = shared(), None, None, ""
    try:
        account = bridge.account(replace(LOCAL_OPERATOR, account=user))
        report = quotas.known_report(bridge, account)
        report = quotas.fetch_report(bridge, account) if ask else report
    except BridgeError as error:
        problem = str(error)
    return {
        "user": user,
        "report": report,
        "problem": problem,
        "waits": not (ask or problem),
        "logged_in": account is not None,
        "limits": limits_of(bridge, account),
        "plan_name": quotas.plan_name,
        "quota_name": quotas.quota_name,
        "unit_name": quotas.unit_name,
        "percentage": percentage,
    }


def limits_of(bridge: Bridge, account: Account | None) -> dict[str, Any]:
    """Of the session and the week, on plans that have them."""
    told = bridge.quota_snapshots.shared(account) if account else {}
    return {name: told[name] for name in ("session", "weekly") if name in told}


# What used it up.


def log_of(user: str) -> dict[str, Any] | None:
    """None if the log can't be read just now."""
    offset = timezone.offset()
    first = midnight(time.time(), offset) - (DAYS - 1) * DAY
    whose = {"account": user} if user else {}
    try:
        shares = shared().store.usage.shares(first, offset, **whose)
        latest = shared().store.request_log.page(Filter(account=user or None), limit=LATEST)
    except StoreError:
        return None
    shown = metric()
    models = summed(shares, lambda share: model_name(share["model"]))
    callers = summed(shares, lambda share: str(share["caller"]))
    return {
        "chart": chart_of(shares, [name_of_day(first + each * DAY, offset) for each in range(DAYS)], shown),
        "shown": shown,
        "metrics": {name: metric_name(name) for name in METRICS},
        "models": sorted(models.items(), key=lambda each: (-sum_of(each[1], shown), each[0])),
        "callers": sorted(callers.items(), key=lambda each: (-sum_of(each[1], shown), each[0])),
        "unknown": model_name(""),
        "total": added(shares),
        "latest": latest,
        "zone": timezone.name(offset),
        "offset": offset,
        "days": DAYS,
    }


def metric() -> str:
    wanted = request.args.get("show", "requests")
    return wanted if wanted in METRICS else "requests"


def metric_name(name: str) -> str:
    names = {
        "requests": tr("frame.requests"),
        "premium": tr("quota.premium_requests"),
        "cost": tr("home.ai_units"),
        "tokens": tr("home.tokens"),
    }
    return names[name]


def chart_of(shares: list[Sums], labels: list[str], shown: str) -> Chart:
    values: dict[str, dict[str, float]] = {}
    for share in shares:
        day, model = values.setdefault(share["day"], {}), model_name(share["model"])
        day[model] = day.get(model, 0.0) + sum_of(share, shown)
    return stacked(labels, values)


def model_name(model: str) -> str:
    return model or tr("usage.unknown_model")


def sum_of(row: Sums, shown: str) -> float:
    return sum(row[name] or 0 for name in METRICS[shown])


def summed(shares: list[Sums], stored_name: Callable[[Sums], str]) -> dict[str, Sums]:
    found: dict[str, list[Sums]] = {}
    for share in shares:
        found.setdefault(stored_name(share), []).append(share)
    return {name: added(rows) for name, rows in found.items()}


def added(rows: list[Sums]) -> Sums:
    """None stays where nothing is known of it."""
    told = {name: [row[name] for row in rows if row[name] is not None] for name in ADDED}
    return {name: sum(values) if values else None for name, values in told.items()}
