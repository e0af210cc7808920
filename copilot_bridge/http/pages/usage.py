"""The usage page: what was used, by whom and for what, and the remaining allowance of the plan.

The sums come from the request log at once.  The allowance comes from GitHub, and only its region waits.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.billing.budgets import quantity
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.forecast import metered
from copilot_bridge.billing.quota import AI_UNITS, percentage
from copilot_bridge.billing.usage import Sums
from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.api.usage import as_json
from copilot_bridge.http.pages import quotas, timezone
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.budgets import budgets_of
from copilot_bridge.http.pages.callers import caller_name
from copilot_bridge.http.pages.charts import Chart, stacked
from copilot_bridge.http.pages.colours import OTHERS, colours_of
from copilot_bridge.http.pages.export import cell
from copilot_bridge.http.pages.i18n import spoken, tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.http.pages.usage_query import (
    COLUMNS,
    FILTERS,
    MONTH,
    PERIOD,
    TODAY,
    WEEK,
    Range,
    chosen_by,
    chosen_filters,
    chosen_range,
    chosen_sort,
    here,
    link_of,
    requests_link,
)
from copilot_bridge.http.pages.usage_sums import (
    MAX_ROWS,
    MAX_SERIES,
    METRICS,
    PREMIUM,
    REQUESTS,
    TOKENS,
    UNITS,
    USD,
    change,
    has_value,
    merged,
    series_of,
    sort_value,
    summed,
    value_of,
    whole_of,
)

bp = Blueprint("usage", __name__)


class UsageRow(Struct, frozen=True):
    """A line of the table.  :param value: of the metric.  :param share: of the whole, in per cent."""

    name: str
    title: str
    sums: Sums
    value: float
    share: float
    colour: int
    link: str

    @property
    def cached(self) -> float | None:
        """The part of the prompts that came from a cache, in per cent; None: there were no prompts."""
        given = self.sums["tokens_in"]
        return 100 * (self.sums["tokens_cached"] or 0) / given if given else None

    @property
    def units(self) -> float | None:
        nano = self.sums["nano_aiu"]
        return None if nano is None else nano / NANO


@bp.get("/usage")
@json_alternate(as_json)
def show() -> Response:
    user = chosen_account()
    return page(
        "usage.html",
        log=log_values(),
        budgets=budgets_of(shared()),
        quantity=quantity,
        **allowance_values(user, ask="quota" in request.args),
    )


@bp.get("/usage/quota")
@debug_logged
def part() -> Response:
    return page("_usage_quota.html", **allowance_values(chosen_account(), ask=True))


@bp.get("/usage.csv")
def as_csv() -> Response:
    """The table as a file.  Raises StoreError, InvalidRequest."""
    by, range_, wanted = chosen_by(), chosen_range(), chosen_filters()
    whole = (range_.start, range_.end)
    groups = (
        hours_of(range_, wanted)
        if by == "hour"
        else whole_of(shared().store.usage.spans(whole, (COLUMNS[by],), wanted))
    )
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow((by, "requests", "errors", "premium", "ai_units", "usd", *TOKEN_FIELDS))
    for name, sums in sorted(groups.items(), key=lambda item: (-item[1]["nano_cents"], item[0])):
        units = None if sums["nano_aiu"] is None else sums["nano_aiu"] / NANO
        spent = (sums["premium"], units, sums["nano_cents"] / (100 * NANO))
        tokens = (sums[field] for field in TOKEN_FIELDS)
        writer.writerow((cell(name), sums["requests"], sums["errors"], *spent, *tokens))
    name = f"copilot-bridge-usage-{timezone.local(range_.start):%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.getvalue(), headers=headers, mimetype="text/csv")


TOKEN_FIELDS = ("tokens_in", "tokens_cached", "tokens_written", "tokens_out")


def chosen_account() -> str:
    """The login that the query names.  Raises InvalidRequest: there is no such login."""
    wanted = request.args.get("account", "")
    if wanted and wanted not in accounts():
        raise InvalidRequest(tr("accounts.no_such_login"))
    return wanted


def accounts() -> list[str]:
    """The logins that are stored, and those in the log."""
    bridge = shared()
    try:
        stored = [login.user for login in reversed(bridge.logins.all()) if login.host == bridge.hosts.api]
        return [*dict.fromkeys((*stored, *bridge.store.request_log.names()["account"]))]
    except StoreError:
        return []


def allowance_values(user: str, *, ask: bool) -> dict[str, Any]:
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
        "limits": quotas.limits_of(bridge, account),
        "outlook": quotas.outlook(bridge, account, report),
        "plan_name": quotas.plan_name,
        "quota_name": quotas.quota_name,
        "unit_name": quotas.unit_name,
        "percentage": percentage,
    }


def log_values() -> dict[str, Any] | None:
    """The values of the log for the template; None: the log can't be read."""
    by, range_, wanted = chosen_by(), chosen_range(), chosen_filters()
    usage = shared().store.usage
    try:
        found = read_parts(by, range_, wanted)
        before = whole_of(usage.spans(before_of(range_), ("model",), wanted))
        names = shared().store.request_log.names()
        first = usage.first()
    except StoreError:
        return None
    total, shown, spans = found.total, found.shown, found.spans
    kind = "model" if by == "hour" else by
    series = series_of(spans, shown)
    colours = colours_of(shared(), kind, series) | {tr("usage.others"): OTHERS}
    return {
        "by": by,
        "bys": by_names(),
        "range": range_,
        "ranges": range_names(),
        "shown": shown,
        "metrics": {name: metric_name(name) for name in METRICS if has_value(total, name)},
        "chart": chart_of(
            kind, range_, merged(spans, series, shown, found.wholes, tr("usage.others")), colours
        ),
        "rows": rows_of(by, found, colours, range_),
        "number": found.number,
        "total": total,
        "before": summed(before.values()),
        "change": change if first <= before_of(range_)[0] else lambda *_: None,
        "value": value_of,
        "label": label,
        "bar_link": lambda index: requests_link(range_.edges[index], range_.edges[index + 1]),
        "names": names,
        "filters": {name: request.args[name] for name in FILTERS if request.args.get(name)},
        "sort": chosen_sort(),
        "columns": columns(total),
        "here": here,
        "zone": timezone.name(),
        "fresh_cost": fresh_cost(spans if chart_column(by) == "model" else ()),
    }


class Parts(Struct, frozen=True):
    """The sums of a range, split in the chosen way.

    :param total: of all.  :param shown: the metric.  :param groups: those of the table.
    :param number: of all groups.  :param spans: the groups of each bar, at least the largest.
    :param wholes: the sums of each bar.
    """

    total: Sums
    shown: str
    groups: Mapping[str, Sums]
    number: int
    spans: Sequence[Mapping[Any, Sums]]
    wholes: Sequence[Mapping[Any, Sums]]


def read_parts(by: str, range_: Range, wanted: Mapping[str, str]) -> Parts:
    """Read the sums from the log.  Raises StoreError."""
    usage = shared().store.usage
    if by != "conversation":
        spans = usage.spans(range_.edges, (chart_column(by),), wanted)
        groups = hours_of(range_, wanted) if by == "hour" else whole_of(spans)
        total = summed(groups.values())
        return Parts(total, metric(total), groups, len(groups), spans, spans)
    # There may be as many conversations as requests, so only those that are shown are read.
    wholes = usage.spans(range_.edges, (), wanted)
    total = summed(sums for whole in wholes for sums in whole.values())
    shown = metric(total)
    span, column = (range_.start, range_.end), COLUMNS[by]
    order = chosen_sort() or shown
    listed, number = usage.largest(span, column, order, MAX_ROWS, wanted)
    drawn = listed if order == shown else usage.largest(span, column, shown, MAX_SERIES, wanted)[0]
    spans = usage.spans(range_.edges, (column,), {**wanted, column: tuple(sorted({*listed, *drawn}))})
    sums = whole_of(spans)
    return Parts(total, shown, {name: sums[name] for name in listed if name in sums}, number, spans, wholes)


def chart_of(kind: str, range_: Range, bars: list[dict[str, float]], colours: Mapping[str, int]) -> Chart:
    """The chart of a range, whose series have their titles.  :param kind: of the series."""
    titled = [{title_of(kind, name): value for name, value in bar.items()} for bar in bars]
    return stacked(
        range_.edges[:-1], titled, {title_of(kind, name): colour for name, colour in colours.items()}
    )


def hours_of(range_: Range, wanted: Mapping[str, str]) -> dict[str, Sums]:
    """The sums of a range by the hour of the reader's day."""
    hours: dict[str, list[Sums]] = {}
    (span,) = shared().store.usage.spans((range_.start, range_.end), ("hour",), wanted)
    for (start,), sums in span.items():
        hours.setdefault(f"{timezone.local(float(start)).hour:02d}", []).append(sums)
    return {hour: summed(sums) for hour, sums in sorted(hours.items())}


def chart_column(by: str) -> str:
    return COLUMNS["model" if by == "hour" else by]


def before_of(range_: Range) -> tuple[int, int]:
    """The time of the same length before this one."""
    return 2 * range_.start - range_.end, range_.start


def rows_of(by: str, found: Parts, colours: Mapping[str, int], range_: Range) -> list[UsageRow]:
    groups, shown = found.groups, found.shown
    values = {name: value_of(sums, shown) for name, sums in groups.items()}
    whole = value_of(found.total, shown) or 1.0
    return [
        UsageRow(
            name,
            title_of(by, name),
            groups[name],
            values[name],
            100 * values[name] / whole,
            colours.get(name, OTHERS),
            link_of(by, name, range_),
        )
        for name in ordered(by, groups, shown)
    ]


def ordered(by: str, groups: Mapping[str, Sums], shown: str) -> list[str]:
    """The names of the largest groups, by the column that the query names; hours in their order."""
    wanted = chosen_sort()
    if by == "hour" and not wanted:
        return list(groups)
    return sorted(groups, key=lambda name: (-sort_value(groups[name], wanted or shown), name))[:MAX_ROWS]


def metric(total: Sums) -> str:
    """The metric of the chart: the one that the query names, else the unit of the plan."""
    wanted = request.args.get("show", "")
    if wanted in METRICS:
        return wanted
    return next((name for name in unit_order() if has_value(total, name)), REQUESTS)


def unit_order() -> tuple[str, str]:
    """The units of plans, the one of the plan in use first."""
    bridge = shared()
    try:
        report = quotas.known_report(bridge, bridge.account())
    except BridgeError:
        report = None
    quota = metered(report.usage) if report else None
    return (UNITS, PREMIUM) if quota and quota.unit == AI_UNITS else (PREMIUM, UNITS)


def columns(total: Sums) -> list[str]:
    """The columns of the table that say something, the unit that matters first."""
    units = [name for name in unit_order() if has_value(total, name)]
    return [*units, USD, "requests", "errors", "tokens_in", "cached", "tokens_out"]


def fresh_cost(spans: Iterable[Mapping[Any, Sums]]) -> float | None:
    """The list price of the prompts' tokens that came from no cache, in US$; None: no prices are known."""
    bridge = shared()
    try:
        catalogue = bridge.models.cached(bridge.account())
    except BridgeError:
        return None
    cents, known = 0.0, False
    for span in spans:
        for (name,), sums in span.items():
            model = catalogue.models.get(name) if catalogue else None
            if model and model.prices:
                fresh = sums["tokens_in"] - sums["tokens_cached"] - sums["tokens_written"]
                cents += max(0, fresh) * model.prices.usual.given / 1e6
                known = True
    return cents / 100 if known else None


def metric_name(name: str) -> str:
    names = {
        PREMIUM: tr("quota.premium_requests"),
        UNITS: tr("home.ai_units"),
        USD: tr("home.list_price"),
        TOKENS: tr("home.tokens"),
        REQUESTS: tr("frame.requests"),
    }
    return names[name]


def by_names() -> dict[str, str]:
    return {
        "model": tr("usage.model"),
        "key": tr("usage.key"),
        "client": tr("usage.client"),
        "conversation": tr("request.conversation"),
        "account": tr("quota.account"),
        "hour": tr("usage.hour"),
    }


def range_names() -> dict[str, str]:
    return {
        TODAY: tr("home.today"),
        WEEK: tr("usage.week"),
        PERIOD: tr("usage.period"),
        MONTH: tr("usage.month"),
    }


def title_of(by: str, name: str) -> str:
    if by == "hour":
        return f"{name}:00"
    unknown = {
        "model": tr("usage.unknown_model"),
        "client": tr("usage.unknown_client"),
        "conversation": tr("usage.no_conversation"),
    }
    if by == "key":
        name = caller_name(name)
    return name or unknown.get(by, tr("usage.unknown"))


def label(start: int, *, hourly: bool) -> str:
    """The name of a bar in the reader's zone: an hour, or a day."""
    at = timezone.local(start)
    if hourly:
        return f"{at:%H:%M}"
    return f"{at.month}月{at.day}日" if spoken() == "zh" else f"{at:%b} {at.day}"
