"""The choices in the query of the usage page, and links that keep them."""

import time
from typing import Any

from flask import request, url_for
from msgspec import Struct

from copilot_bridge.billing.periods import BILLING, period_at, unix_time
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.pages import quotas, timezone
from copilot_bridge.http.pages.auth import shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.pipeline import Bridge

HOUR, DAY = 3600, 86_400
HOURLY_UP_TO = 2 * DAY  # of a range, which then has bars of hours
MAX_DAYS = 400  # days
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
        if not 0 < end - start < MAX_DAYS * DAY:
            raise InvalidRequest(tr("usage.bad_range", days=MAX_DAYS), param="from")
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


def chosen_sort() -> str:
    wanted = request.args.get("sort", "")
    return wanted if wanted in SORTS else ""


def link_of(by: str, name: str, range_: Range) -> str:
    """The address of the requests in a row of the table; "": they have no filter of their own."""
    fields = {"conversation": "session"}
    if by == "hour" or not name:
        return ""
    return requests_link(range_.start, range_.end, **{fields.get(by, by): name})


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
