"""The usage page: what has been used, by whom and for what, and how much of the plan is left.

The sums of the log are there at once.  What is left comes from GitHub, and only its region waits.
"""

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for
from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.billing.budgets import quantity
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.forecast import metered
from copilot_bridge.billing.periods import BILLING, period_at, unix_time
from copilot_bridge.billing.quota import AI_UNITS, percentage
from copilot_bridge.billing.usage import Sums
from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.api.usage import as_json
from copilot_bridge.http.pages import quotas, timezone
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.budgets import budgets_of
from copilot_bridge.http.pages.callers import caller_name
from copilot_bridge.http.pages.charts import stacked
from copilot_bridge.http.pages.colours import OTHERS, colours_of
from copilot_bridge.http.pages.export import cell
from copilot_bridge.http.pages.i18n import spoken, tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.pipeline import Bridge

bp = Blueprint("usage", __name__)

HOUR, DAY = 3600, 86_400
HOURLY_UP_TO = 2 * DAY  # of a range, which then has bars of hours
LONGEST = 400  # days
MAX_SERIES, MAX_ROWS = 8, 50

TODAY, WEEK, PERIOD, MONTH, CUSTOM = "today", "7d", "period", "30d", "custom"
# The ways to split usage -> the column of the sums.
COLUMNS = {
    "model": "model",
    "key": "caller",
    "conversation": "session",
    "client": "client",
    "account": "account",
    "hour": "hour",
}
# The filters -> columns.  They have the names that the page of the requests has for them.
FILTERS = {"model": "model", "key": "caller", "account": "account", "client": "client", "session": "session"}
PREMIUM, UNITS, USD, TOKENS, REQUESTS = "premium", "units", "usd", "tokens", "requests"
METRICS = (PREMIUM, UNITS, USD, TOKENS, REQUESTS)
ADDED = (
    *("requests", "errors", "premium", "nano_aiu", "nano_cents", "estimated"),
    *("tokens_in", "tokens_out", "tokens_cached", "tokens_written"),
)
SORTS = ("requests", "errors", "premium", "units", "usd", "tokens_in", "cached", "tokens_out")


class Range(Struct, frozen=True):
    """The time that the page is about.  :param start, end: unix seconds.  :param edges: of the bars."""

    name: str
    start: int
    end: int
    edges: tuple[int, ...]

    @property
    def hourly(self) -> bool:
        return self.end - self.start <= HOURLY_UP_TO


class Row(Struct, frozen=True):
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
        log=log_of(),
        budgets=budgets_of(shared()),
        quantity=quantity,
        **left_of(user, ask="quota" in request.args),
    )


@bp.get("/usage/quota")
@debug_logged
def part() -> Response:
    return page("_usage_quota.html", **left_of(chosen_account(), ask=True))


@bp.get("/usage.csv")
def as_csv() -> Response:
    """The table as a file.  Raises StoreError, InvalidRequest."""
    by, reach, wanted = chosen_by(), chosen_range(), chosen_filters()
    spans = shared().store.usage.spans(reach.edges, (COLUMNS[by],), wanted)
    groups = hours_of(reach, wanted) if by == "hour" else whole_of(spans)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow((by, "requests", "errors", "premium", "ai_units", "usd", *TOKEN_FIELDS))
    for name, sums in sorted(groups.items(), key=lambda item: (-item[1]["nano_cents"], item[0])):
        units = None if sums["nano_aiu"] is None else sums["nano_aiu"] / NANO
        spent = (sums["premium"], units, sums["nano_cents"] / (100 * NANO))
        tokens = (sums[field] for field in TOKEN_FIELDS)
        writer.writerow((cell(name), sums["requests"], sums["errors"], *spent, *tokens))
    name = f"copilot-bridge-usage-{timezone.local(reach.start):%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.getvalue(), headers=headers, mimetype="text/csv")


TOKEN_FIELDS = ("tokens_in", "tokens_cached", "tokens_written", "tokens_out")


# The remaining allowance of the plan.


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
        "limits": quotas.limits_of(bridge, account),
        "outlook": quotas.outlook(bridge, account, report),
        "plan_name": quotas.plan_name,
        "quota_name": quotas.quota_name,
        "unit_name": quotas.unit_name,
        "percentage": percentage,
    }


# The choices in the query.


def chosen_by() -> str:
    wanted = request.args.get("by", "model")
    return wanted if wanted in COLUMNS else "model"


def chosen_filters() -> dict[str, str]:
    """The filters, as {column: value}."""
    return {column: request.args[name] for name, column in FILTERS.items() if request.args.get(name)}


def chosen_range(now: float | None = None) -> Range:
    """The range that the query names.  Raises InvalidRequest: its times can't be read."""
    now = time.time() if now is None else now
    name = request.args.get("range", MONTH)
    midnight = timezone.midnight(now)
    if request.args.get("from"):
        start = timezone.read_moment(request.args["from"], "from")
        last = request.args.get("to") or str(now)
        end = min(timezone.read_moment(last, "to", end=True), now)
        if not 0 < end - start < LONGEST * DAY:
            raise InvalidRequest(tr("usage.bad_range", days=LONGEST), param="from")
        return range_of(CUSTOM, int(start), int(end))
    starts = {
        TODAY: midnight,
        WEEK: timezone.midnight(midnight - 6 * DAY + HOUR),
        MONTH: timezone.midnight(midnight - 29 * DAY + HOUR),
        PERIOD: period_at(BILLING, now, reset_of(shared())).start,
    }
    name = name if name in starts else MONTH
    return range_of(name, starts[name], int(now) + 1)


def range_of(name: str, start: int, end: int) -> Range:
    if end - start <= HOURLY_UP_TO:
        edges = (start, *range(start // HOUR * HOUR + HOUR, end, HOUR), end)
    else:
        days = [midnight for midnight in timezone.midnights(start, end) if start < midnight < end]
        edges = (start, *days, end)
    return Range(name, start, end, edges)


def reset_of(bridge: Bridge) -> float | None:
    """A reset of the plan in use, unix seconds; None: not known yet."""
    try:
        report = quotas.known_report(bridge, bridge.account())
    except BridgeError:
        return None
    return unix_time(report.usage.resets_at) if report else None


# The requests.


def log_of() -> dict[str, Any] | None:
    """The values of the log for the template; None: the log can't be read."""
    by, reach, wanted = chosen_by(), chosen_range(), chosen_filters()
    try:
        spans = shared().store.usage.spans(reach.edges, (chart_column(by),), wanted)
        groups = hours_of(reach, wanted) if by == "hour" else whole_of(spans)
        before = whole_of(shared().store.usage.spans(before_of(reach), ("model",), wanted))
        names = shared().store.request_log.names()
    except StoreError:
        return None
    total = added(groups.values())
    shown = metric(total)
    kind = "model" if by == "hour" else by
    series = series_of(spans, shown)
    colours = colours_of(shared(), kind, series) | {tr("usage.others"): OTHERS}
    titled = [
        {title_of(kind, name): value for name, value in group.items()}
        for group in merged(spans, series, shown)
    ]
    return {
        "by": by,
        "bys": by_names(),
        "range": reach,
        "ranges": range_names(),
        "shown": shown,
        "metrics": {name: metric_name(name) for name in METRICS if has(total, name)},
        "chart": stacked(
            reach.edges[:-1], titled, {title_of(kind, name): colour for name, colour in colours.items()}
        ),
        "rows": rows_of(by, groups, shown, colours, reach),
        "number": len(groups),
        "total": total,
        "before": added(before.values()),
        "change": change if shared().store.usage.first() <= before_of(reach)[0] else lambda *_: None,
        "value": value_of,
        "label": label,
        "bar_link": lambda index: requests_link(reach.edges[index], reach.edges[index + 1]),
        "names": names,
        "filters": {name: request.args[name] for name in FILTERS if request.args.get(name)},
        "sort": chosen_sort(),
        "columns": columns(total),
        "here": here,
        "zone": timezone.name(),
        "fresh_cost": fresh_cost(spans if chart_column(by) == "model" else ()),
    }


def whole_of(spans: Iterable[Mapping[Any, Sums]]) -> dict[str, Sums]:
    """The sums of all spans, by name."""
    parts: dict[str, list[Sums]] = {}
    for span in spans:
        for (name,), sums in span.items():
            parts.setdefault(str(name), []).append(sums)
    return {name: counts[0] if len(counts) == 1 else added(counts) for name, counts in parts.items()}


def hours_of(reach: Range, wanted: Mapping[str, str]) -> dict[str, Sums]:
    """The sums of a range by the hour of the reader's day."""
    hours: dict[str, list[Sums]] = {}
    for span in shared().store.usage.spans(reach.edges, ("hour",), wanted):
        for (start,), sums in span.items():
            hours.setdefault(f"{timezone.local(float(start)).hour:02d}", []).append(sums)
    return {hour: added(sums) for hour, sums in sorted(hours.items())}


def chart_column(by: str) -> str:
    return COLUMNS["model" if by == "hour" else by]


def before_of(reach: Range) -> tuple[int, int]:
    """The time of the same length before this one."""
    return 2 * reach.start - reach.end, reach.start


def series_of(spans: Sequence[Mapping[Any, Sums]], shown: str) -> list[str]:
    """The names of the largest series."""
    totals: dict[str, float] = {}
    read = VALUES[shown]
    for span in spans:
        for (name,), sums in span.items():
            totals[name] = totals.get(name, 0.0) + read(sums)
    return sorted(totals, key=lambda name: (-totals[name], name))[:MAX_SERIES]


def merged(spans: Iterable[Mapping[Any, Sums]], series: list[str], shown: str) -> list[dict[str, float]]:
    """The values of each bar; all but the largest series are one."""
    found = []
    read, largest, others = VALUES[shown], {*series}, tr("usage.others")
    for span in spans:
        bar: dict[str, float] = {}
        for (name,), sums in span.items():
            kept = name if name in largest else others
            bar[kept] = bar.get(kept, 0.0) + read(sums)
        found.append(bar)
    return found


def rows_of(
    by: str, groups: Mapping[str, Sums], shown: str, colours: Mapping[str, int], reach: Range
) -> list[Row]:
    values = {name: value_of(sums, shown) for name, sums in groups.items()}
    whole = sum(values.values()) or 1.0
    return [
        Row(
            name,
            title_of(by, name),
            groups[name],
            values[name],
            100 * values[name] / whole,
            colours.get(name, OTHERS),
            link_of(by, name, reach),
        )
        for name in ordered(by, groups, shown)
    ]


def ordered(by: str, groups: Mapping[str, Sums], shown: str) -> list[str]:
    """The names of the largest groups, by the column that the query names; hours in their order."""
    wanted = chosen_sort()
    if by == "hour" and not wanted:
        return list(groups)
    return sorted(groups, key=lambda name: (-sort_value(groups[name], wanted or shown), name))[:MAX_ROWS]


def chosen_sort() -> str:
    wanted = request.args.get("sort", "")
    return wanted if wanted in SORTS else ""


def sort_value(sums: Sums, name: str) -> float:
    if name == "cached":
        return (sums["tokens_cached"] or 0) / sums["tokens_in"] if sums["tokens_in"] else 0.0
    return float(VALUES[name](sums) if name in VALUES else sums[name] or 0)


def link_of(by: str, name: str, reach: Range) -> str:
    """The address of the requests in a row of the table; "": they have no filter of their own."""
    fields = {"conversation": "session"}
    if by == "hour" or not name:
        return ""
    return requests_link(reach.start, reach.end, **{fields.get(by, by): name})


def requests_link(start: int, end: int, **more: str) -> str:
    filters = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    query: dict[str, Any] = filters | more | {"from": str(start), "to": str(end)}
    return url_for("pages.requests.show", **query)


def here(**changes: str | None) -> str:
    """The address of this page with other choices."""
    kept = ("range", "from", "to", "by", "show", "sort", *FILTERS)
    query: dict[str, Any] = {name: request.args[name] for name in kept if request.args.get(name)} | changes
    if "range" in changes:
        query |= {"from": None, "to": None}
    return url_for("pages.usage.show", **query)


def added(rows: Iterable[Sums]) -> Sums:
    """The sums of the rows; None where no row has a value."""
    listed = list(rows)
    known = {name: [row[name] for row in listed if row[name] is not None] for name in ADDED}
    zero = {"premium": None, "nano_aiu": None}
    return {name: sum(values) if values else zero.get(name, 0) for name, values in known.items()}


VALUES: dict[str, Callable[[Sums], float]] = {
    PREMIUM: lambda sums: sums["premium"] or 0.0,
    UNITS: lambda sums: (sums["nano_aiu"] or 0) / NANO,
    USD: lambda sums: sums["nano_cents"] / (100 * NANO),
    TOKENS: lambda sums: sums["tokens_in"] + sums["tokens_out"],
    REQUESTS: lambda sums: sums["requests"],
}


def value_of(sums: Sums, name: str) -> float:
    """The value of a metric: premium requests, AI units, US$ at list price, tokens, requests."""
    return VALUES[name](sums)


def has(total: Sums, name: str) -> bool:
    """Tell whether a metric says anything: a plan knows premium requests or AI units, seldom both."""
    return name in (TOKENS, REQUESTS) or value_of(total, name) > 0


def metric(total: Sums) -> str:
    """The metric of the chart: the one that the query names, else the unit of the plan."""
    wanted = request.args.get("show", "")
    if wanted in METRICS:
        return wanted
    return next((name for name in unit_order() if has(total, name)), REQUESTS)


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
    units = [name for name in unit_order() if has(total, name)]
    return [*units, USD, "requests", "errors", "tokens_in", "cached", "tokens_out"]


def change(now: float, before: float) -> int | None:
    """The change in per cent; None: there is nothing to compare with."""
    return round(100 * (now - before) / before) if before and now / before < 20 else None


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


# The words.


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
