"""The pages of the request log: search, live view, conversations, and export."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request, url_for

from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.pages import timezone
from copilot_bridge.http.pages.auth import redirect_303, shared
from copilot_bridge.http.pages.callers import asking, caller_name
from copilot_bridge.http.pages.export import as_csv, as_fields, as_json
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.outcomes import outcome_badge
from copilot_bridge.http.pages.rendering import page, render
from copilot_bridge.store.log_filter import FAILED, LogFilter, cursor_of, read_cursor
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.store.request_log import LogSums
from copilot_bridge.store.request_log_writer import RunningRequest

bp = Blueprint("requests", __name__)

PAGE, MAX_PAGE = 50, 1000
HOUR, DAY = 3600, 86_400
GROUPED_DAYS = 7  # in which conversations are looked for, unless the filter says otherwise
# The fields of the form, which are also the query parameters of programs.
FIELDS = ("from", "to", "key", "model", "client", "who", "status", "account", "session", "q")
# The other parameters of the query.
GROUP, LIVE = "group", "live"
WHO = {"person": "user", "agent": "agent"}


@bp.get("/requests")
@json_alternate(lambda: listed())
def show() -> Response:
    if "" in request.args.values():  # the form's empty fields: people share the URL
        return redirect_303(link())
    wanted = asked()
    grouped = request.args.get(GROUP) == "conversation"
    shown = conversations_of(wanted) if grouped else rows_of(wanted)
    return page(
        "requests.html",
        grouped=grouped,
        fields=fields_of(wanted),
        chips=chips(),
        names=shared().store.request_log.names(),
        statuses=statuses(),
        who=who_names(),
        ranges=ranges(),
        sums=sums_of(wanted, None if grouped or paged() or shown["older"] else shown["rows"]),
        query=given(),
        views={"list": link(), "grouped": link(group="conversation"), "live": link(live="1")},
        live=not grouped and not paged() and request.args.get(LIVE) == "1",
        zone=timezone.name(),
        twice=lambda values: [(value, value) for value in values],
        **shown,
    )


@part("rows", every=2.0)
def rows_part() -> str:
    return render("_requests.html", query=given(), **rows_of(asked()))


@bp.get("/requests.csv")
@json_alternate(lambda: as_file(own(asked()), "csv"))
def csv() -> Response:
    return as_file(asked(), "csv")


@bp.get("/requests.json")
@json_alternate(lambda: as_file(own(asked()), "json"))
def json() -> Response:
    return as_file(asked(), "json")


def rows_of(wanted: LogFilter) -> dict[str, Any]:
    """The values of a page of rows for the template."""
    rows, newer, older = page_of(wanted)
    kept = {name: request.args[name] for name in (LIVE,) if name in request.args}
    return {
        "rows": rows,
        "running": [] if paged() else running(wanted),
        "newer": link(after=cursor_of(rows[0]), **kept) if rows and newer else "",
        "older": link(before=cursor_of(rows[-1])) if rows and older else "",
        "newest": link() if paged() else "",
        "outcome_badge": outcome_badge,
        "now": time.time(),
    }


def conversations_of(wanted: LogFilter) -> dict[str, Any]:
    recent = wanted if wanted.since else replace(wanted, since=time.time() - GROUPED_DAYS * DAY)
    return {
        "conversations": shared().store.request_log.conversations(recent, PAGE),
        "days": None if wanted.since else GROUPED_DAYS,
    }


def sums_of(wanted: LogFilter, rows: list[RequestLogRow] | None) -> LogSums:
    """The sums of all rows that meet the conditions: of the hourly sums, where those know the conditions.

    :param rows: all of these rows, if they are here already.
    """
    store, now = shared().store, int(time.time())
    if rows is not None:
        return LogSums.of(rows)
    chosen = {name: getattr(wanted, name) for name in SUMMED_BY}
    if wanted != LogFilter(wanted.since, wanted.until, **chosen):
        return store.request_log.sums(wanted)
    start, end = int(wanted.since or 0), int(wanted.until or now + 1)
    hour = now // HOUR * HOUR  # what was before is remembered
    edges = (start, hour, end) if start < hour < end else (start, end)
    known = {name: value for name, value in chosen.items() if value is not None}
    sums = [part for span in store.usage.spans(edges, ("model",), known) for part in span.values()]
    return LogSums(*(sum(part[name] or 0 for part in sums) for name in LOG_SUMS))


SUMMED_BY = ("caller", "account", "client", "session")  # by which the hourly sums are found
LOG_SUMS = tuple(field.name for field in fields(LogSums))


def running(wanted: LogFilter) -> list[RunningRequest]:
    """The running requests that match the filter, the newest first."""
    if wanted.status or wanted.outcome or wanted.text or wanted.until:
        return []
    names = ("caller", "account", "model", "session", "client", "initiator")
    conditions = {name: value for name in names if (value := getattr(wanted, name)) is not None}
    found = shared().request_log_writer.running()
    return [
        entry
        for entry in reversed(found)
        if all(getattr(entry.row, name) == value for name, value in conditions.items())
    ]


# Responses for programs.


def listed() -> Response:
    """A page of the caller's own rows: {"data": [...], "next": the next page's `before`, or null}."""
    most = limit()
    cursor = request.args.get("before")
    table = shared().store.request_log
    rows = table.page(own(asked()), before=read_cursor(cursor) if cursor else None, limit=most + 1)
    return json_response(
        {
            "data": [as_fields(row) for row in rows[:most]],
            "next": cursor_of(rows[most - 1]) if len(rows) > most else None,
        }
    )


def limit() -> int:
    """The number of rows on a page.  Raises InvalidRequest."""
    given = request.args.get("limit", str(PAGE))
    if not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= MAX_PAGE):
        raise InvalidRequest(f"limit: expected a whole number from 1 to {MAX_PAGE}", param="limit")
    return int(given)


def json_response(content: Any) -> Response:
    return Response(orjson.dumps(content), headers={"Cache-Control": "no-store"}, mimetype="application/json")


def own(wanted: LogFilter) -> LogFilter:
    """The filter, restricted to the caller's own requests unless the caller is the operator."""
    caller = asking()
    if caller.operator:
        return wanted
    if wanted.caller not in (None, caller.id):
        raise BridgeError("this key may see its own requests only", kind="permission", param="key")
    return replace(wanted, caller=caller.id)


WRITERS: dict[str, tuple[str, Callable[[Iterator[RequestLogRow]], Iterator[bytes]]]] = {
    "csv": ("text/csv", as_csv),
    "json": ("application/json", as_json),
}


def as_file(wanted: LogFilter, ending: str) -> Response:
    """The log as a file, which is streamed.  Raises StoreError, InvalidRequest before the stream begins."""
    table = shared().store.request_log
    table.page(wanted, limit=1)  # raises now, not in the middle of the response, if the store can't be read
    kind, write = WRITERS[ending]
    name = f"copilot-bridge-requests-{timezone.local(time.time()):%Y-%m-%d}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(write(table.iterate(wanted)), headers=headers, mimetype=kind)


# The filter.


def asked() -> LogFilter:
    """The filter that the query parameters describe.  Raises InvalidRequest."""
    wanted = given()
    status, outcome = read_status(wanted.get("status"))
    return LogFilter(
        since=timezone.read_moment(wanted["from"], "from") if "from" in wanted else None,
        until=timezone.read_moment(wanted["to"], "to", end=True) if "to" in wanted else None,
        caller=wanted.get("key"),
        model=wanted.get("model"),
        account=wanted.get("account"),
        session=wanted.get("session"),
        client=wanted.get("client"),
        initiator=read_who(wanted.get("who")),
        text=wanted.get("q"),
        status=status,
        outcome=outcome,
    )


def given() -> dict[str, str]:
    return {name: value for name in FIELDS if (value := request.args.get(name, "").strip())}


def paged() -> bool:
    return bool(request.args.get("before") or request.args.get("after"))


def read_status(text: str | None) -> tuple[str | None, str | None]:
    """Read the filter for the result, as (status, outcome).  :param text: "404", "4xx", or a name."""
    if text is None or text in statuses():
        return None, {"gone": "client_disconnected"}.get(text or "", text)
    return text, None


def read_who(text: str | None) -> str | None:
    """Read the filter for who caused a request.  Raises InvalidRequest."""
    if text is not None and text not in WHO:
        raise InvalidRequest(f"who: expected {' or '.join(WHO)}", param="who")
    return None if text is None else WHO[text]


def statuses() -> dict[str, str]:
    return {
        "ok": tr("requests.ok"),
        FAILED: tr("requests.all_errors"),
        "client": tr("requests.client_errors"),
        "limit": tr("requests.limits"),
        "upstream": tr("requests.github_errors"),
        "broken": tr("requests.interrupted"),
        "gone": tr("requests.client_left"),
        "internal": tr("requests.bridge_errors"),
    }


def who_names() -> dict[str, str]:
    return {"person": tr("request.a_person"), "agent": tr("requests.agents")}


def ranges() -> list[tuple[str, str, bool]]:
    """The quick ranges, as (name, address, whether it is the one in use)."""
    now, midnight = int(time.time()), timezone.midnight()
    starts = (
        (tr("requests.last_hour"), now // 60 * 60 - 3600),
        (tr("home.today"), midnight),
        (tr("requests.last_week"), timezone.midnight(midnight - 6 * DAY)),
    )
    others = {name: value for name, value in given().items() if name not in ("from", "to")}
    path, used = url_for("pages.requests.show"), given()
    shown = [(tr("requests.any_time"), address(path, others), not used.keys() & {"from", "to"})]
    for name, start in starts:
        query = others | {"from": timezone.as_field(start)}
        shown.append((name, address(path, query), used.get("from") == query["from"] and "to" not in used))
    return shown


def page_of(wanted: LogFilter) -> tuple[list[RequestLogRow], bool, bool]:
    """A page of the log, as (rows, newer rows exist, older rows exist)."""
    table = shared().store.request_log
    if after := request.args.get("after"):
        rows = table.page(wanted, after=read_cursor(after), limit=PAGE + 1)
        return rows[-PAGE:], len(rows) > PAGE, True
    before = request.args.get("before")
    rows = table.page(wanted, before=read_cursor(before) if before else None, limit=PAGE + 1)
    return rows[:PAGE], bool(before), len(rows) > PAGE


def link(**more: str) -> str:
    """The address of this page with its filter, and more."""
    return address(url_for("pages.requests.show"), given() | more)


def address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


@dataclass(frozen=True)
class Chip:
    """A filter in use.  :param without: the URL of the page without this filter."""

    name: str
    value: str
    without: str
    moment: float | None = None


def chips() -> list[Chip]:
    titles = {
        "from": tr("requests.from"),
        "to": tr("requests.to"),
        "key": tr("usage.key"),
        "model": tr("usage.model"),
        "client": tr("usage.client"),
        "who": tr("request.initiator"),
        "status": tr("requests.result"),
        "account": tr("quota.account"),
        "session": tr("request.conversation"),
        "q": tr("requests.text"),
    }
    names = {"status": statuses(), "who": who_names()}
    path, found = url_for("pages.requests.show"), []
    for name, value in given().items():
        others = {other: text for other, text in given().items() if other != name}
        moment = timezone.read_moment(value, name) if name in ("from", "to") else None
        shown = names.get(name, {}).get(value, value.replace("T", " ") if moment else value)
        shown = caller_name(value) if name == "key" else shown
        found.append(Chip(titles[name], shown, address(path, others), moment))
    return found


def fields_of(wanted: LogFilter) -> dict[str, str]:
    """The values of the form's fields."""
    return given() | {
        name: timezone.as_field(moment - shift)
        for name, moment, shift in (("from", wanted.since, 0), ("to", wanted.until, 60))
        if moment is not None
    }
