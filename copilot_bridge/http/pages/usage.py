"""The usage page: the quota that is left, and the requests that used it.

The sums of the log are there at once.  The quota comes from GitHub, and only the region that shows it waits.
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
LATEST = 10  # requests whose cost is listed

ADDED = ("requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost")

# The quantities of the chart -> the sums that are added for each.
METRICS = {
    "requests": ("requests",),
    "premium": ("premium",),
    "cost": ("cost",),
    "tokens": ("tokens_in", "tokens_out"),
}


@dataclass(frozen=True)
class Choice:
    """The choice of a login.  :param user: the chosen one; "": none.  :param users: all logins."""

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
    """The login that the query names.  Raises InvalidRequest: there is no such login."""
    bridge = shared()
    try:
        users = tuple(login.user for login in reversed(bridge.logins.all()) if login.host == bridge.hosts.api)
    except StoreError:
        users = ()
    wanted = request.args.get("account", "")
    if wanted and wanted not in users:
        raise InvalidRequest(tr("accounts.no_such_login"))
    return Choice(wanted, users)


# The quota.


def left_of(user: str, *, ask: bool) -> dict[str, Any]:
    """The values of the quota for the template.

    :param user: "": the account that requests use.  :param ask: GitHub, if the last report is old.
    """
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
    """The limits of the session and of the week, on plans that have them."""
    snapshots = bridge.quota_snapshots.shared(account) if account else {}
    return {name: snapshots[name] for name in ("session", "weekly") if name in snapshots}


# The requests.


def log_of(user: str) -> dict[str, Any] | None:
    """The values of the log for the template; None: the log can't be read."""
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

    def largest_first(item: tuple[str, Sums]) -> tuple[float, str]:
        return -sum_of(item[1], shown), item[0]

    return {
        "chart": chart_of(shares, [name_of_day(first + index * DAY, offset) for index in range(DAYS)], shown),
        "shown": shown,
        "metrics": {name: metric_name(name) for name in METRICS},
        "models": sorted(models.items(), key=largest_first),
        "callers": sorted(callers.items(), key=largest_first),
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
    """The sums of the rows; None where no row has a value."""
    known = {name: [row[name] for row in rows if row[name] is not None] for name in ADDED}
    return {name: sum(values) if values else None for name, values in known.items()}
