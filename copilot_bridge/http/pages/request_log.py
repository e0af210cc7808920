"""The pages of the request log: search, live view, export, and the details of one request."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, g, request, url_for

from copilot_bridge.access.authentication import Caller
from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.pages import timezone
from copilot_bridge.http.pages.auth import debug_logged, redirect_303, shared
from copilot_bridge.http.pages.export import as_csv, as_json
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.store.request_log import FAILED, GROUPS, Filter, RequestLogRow, cursor_of, read_cursor

bp = Blueprint("requests", __name__)

PAGE, LARGEST_PAGE = 50, 1000
# The fields of the form, which are also the query parameters of programs.
FIELDS = (
    "from",
    "to",
    "key",
    "model",
    "status",
    "account",
    "session",
)


@bp.get("/requests")
@json_alternate(lambda: listed())
def show() -> Response:
    if "" in request.args.values():  # the form's empty fields: people share the URL
        return redirect_303(link())
    wanted = asked()
    rows, newer, older = page_of(wanted)
    whole = not (request.args.get("before") or request.args.get("after"))
    return page(
        "requests.html",
        rows=rows,
        fields=fields_of(wanted),
        chips=chips(),
        names=shared().store.request_log.names(),
        statuses=statuses(),
        newer=link(after=cursor_of(rows[0])) if rows and newer else "",
        older=link(before=cursor_of(rows[-1])) if rows and older else "",
        newest="" if whole else link(),
        tail=f"{url_for('pages.requests.news')}?{urlencode(given())}" if whole else "",
        since=time_of_store() if whole else "",
        query=given(),
        zone=timezone.name(timezone.offset()),
        offset=timezone.offset(),
        outcome_badge=outcome_badge,
        twice=lambda values: [(value, value) for value in values],
    )


@bp.get("/requests/news")
@debug_logged
def news() -> Response:
    """The rows written since the last call.  `data-since` in the response is the value for the next call."""
    try:
        since = float(request.args.get("since", ""))
    except ValueError as error:
        raise InvalidRequest("since: expected a number", param="since") from error
    rows, last = shared().store.request_log.written_since(since, asked())
    return page("_requests.html", rows=rows[::-1], since=last, outcome_badge=outcome_badge)


@bp.get("/requests.csv")
@json_alternate(lambda: as_file(own(asked()), "csv"))
def csv() -> Response:
    return as_file(asked(), "csv")


@bp.get("/requests.json")
@json_alternate(lambda: as_file(own(asked()), "json"))
def json() -> Response:
    return as_file(asked(), "json")


@bp.get("/requests/<number>")
@json_alternate(lambda number: json_response(find(number)))
def one(number: str) -> Response:
    """The page of one request; 202 while it has no row yet.  Raises BridgeError "not_found"."""
    if later := pending_entry(number):
        return page("request_later.html", 202, number=number, **later)
    row = find(number)
    parts = shared().store.request_log.parts_of(row)
    return page(
        "request.html",
        row=row,
        phases=phases(row),
        outcome_badge=outcome_badge,
        cached=cache_verdict(row),
        refused_model=refused_model(row),
        parts=parts,
        whole_cost=sum(part.cost or 0.0 for part in (row, *parts)),
    )


@bp.get("/requests/<number>/later")
@debug_logged
def part(number: str) -> Response:
    return page(
        "_later.html", number=number, **(pending_entry(number) or {"found": known(number), "row": None})
    )


def pending_entry(number: str) -> dict[str, Any] | None:
    """The template's values for a request whose row will be written later; None: no such request."""
    row = None if known(number) else shared().request_log_writer.pending(number)
    return {"found": False, "row": row} if row else None


def known(number: str) -> bool:
    return shared().store.request_log.find(number) is not None


# Responses for programs.


def listed() -> Response:
    """A page of the caller's own rows: {"data": [...], "next": the next page's `before`, or null}."""
    most = limit()
    cursor = request.args.get("before")
    table = shared().store.request_log
    rows = table.page(own(asked()), before=read_cursor(cursor) if cursor else None, limit=most + 1)
    return json_response(
        {"data": rows[:most], "next": cursor_of(rows[most - 1]) if len(rows) > most else None}
    )


def limit() -> int:
    """The number of rows on a page.  Raises InvalidRequest."""
    given = request.args.get("limit", str(PAGE))
    if not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= LARGEST_PAGE):
        raise InvalidRequest(f"limit: expected a whole number from 1 to {LARGEST_PAGE}", param="limit")
    return int(given)


def json_response(content: Any) -> Response:
    return Response(orjson.dumps(content), headers={"Cache-Control": "no-store"}, mimetype="application/json")


def own(wanted: Filter) -> Filter:
    """The filter, restricted to the caller's own requests unless the caller is the operator."""
    caller = asking()
    if caller.operator:
        return wanted
    if wanted.caller not in (None, caller.id):
        raise BridgeError("this key may see its own requests only", kind="permission", param="key")
    return replace(wanted, caller=caller.id)


def asking() -> Caller:
    found: Caller = g.call.caller
    return found


def find(id_: str) -> RequestLogRow:
    """The row of a request that the caller may see.  Raises BridgeError "not_found"."""
    row = shared().store.request_log.find(id_)
    if row is None or not (asking().operator or row.caller == asking().id):
        raise BridgeError(tr("requests.no_such_request"), kind="not_found")
    return row


WRITERS: dict[str, tuple[str, Callable[[Iterator[RequestLogRow]], Iterator[bytes]]]] = {
    "csv": ("text/csv", as_csv),
    "json": ("application/json", as_json),
}


def as_file(wanted: Filter, ending: str) -> Response:
    """The log as a file, which is streamed.  Raises StoreError, InvalidRequest before the stream begins."""
    table = shared().store.request_log
    table.page(wanted, limit=1)  # raises now, not in the middle of the response, if the store can't be read
    kind, write = WRITERS[ending]
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + timezone.offset() * 60))
    name = f"copilot-bridge-requests-{today}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(write(table.iterate(wanted)), headers=headers, mimetype=kind)


# The filter.


def asked() -> Filter:
    """The filter that the query parameters describe.  Raises InvalidRequest."""
    wanted = given()
    status, outcome = read_status(wanted.get("status"))
    return Filter(
        since=timezone.read_moment(wanted["from"], "from") if "from" in wanted else None,
        until=timezone.read_moment(wanted["to"], "to", end=True) if "to" in wanted else None,
        caller=wanted.get("key"),
        model=wanted.get("model"),
        account=wanted.get("account"),
        session=wanted.get("session"),
        status=status,
        outcome=outcome,
    )


def given() -> dict[str, str]:
    return {name: value for name in FIELDS if (value := request.args.get(name, "").strip())}


def read_status(text: str | None) -> tuple[str | None, str | None]:
    """Read the filter for the result, as (status, outcome).  :param text: "404", "4xx", or a name."""
    if text is None or text in statuses():
        return None, {"gone": "client_disconnected"}.get(text or "", text)
    return text, None


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


def page_of(wanted: Filter) -> tuple[list[RequestLogRow], bool, bool]:
    """A page of the log, as (rows, newer rows exist, older rows exist)."""
    table = shared().store.request_log
    if after := request.args.get("after"):
        rows = table.page(wanted, after=read_cursor(after), limit=PAGE + 1)
        return rows[-PAGE:], len(rows) > PAGE, True
    before = request.args.get("before")
    rows = table.page(wanted, before=read_cursor(before) if before else None, limit=PAGE + 1)
    return rows[:PAGE], bool(before), len(rows) > PAGE


def time_of_store() -> float:
    _, now = shared().store.request_log.written_since(None)
    return now


def link(**more: str) -> str:
    query = urlencode(given() | more)
    path = url_for("pages.requests.show")
    return f"{path}?{query}" if query else path


@dataclass(frozen=True)
class Chip:
    """A filter in use.  :param without: the URL of the page without this filter."""

    name: str
    value: str
    without: str
    moment: bool = False


def chips() -> list[Chip]:
    titles = {
        "from": tr("requests.from"),
        "to": tr("requests.to"),
        "key": tr("usage.key"),
        "model": tr("usage.model"),
        "status": tr("requests.result"),
        "account": tr("quota.account"),
        "session": tr("request.conversation"),
    }
    path = url_for("pages.requests.show")
    found = []
    for name, value in given().items():
        others = urlencode({other: text for other, text in given().items() if other != name})
        shown = statuses().get(value, value) if name == "status" else value.replace("T", " ")
        found.append(Chip(titles[name], shown, f"{path}?{others}" if others else path))
    return found


def fields_of(wanted: Filter) -> dict[str, str]:
    """The values of the form's fields."""
    return given() | {
        name: timezone.as_field(moment - shift)
        for name, moment, shift in (("from", wanted.since, 0), ("to", wanted.until, 60))
        if moment is not None
    }


# The texts of a row.


def outcome_badge(row: RequestLogRow) -> tuple[str, str]:
    """The badge for the outcome of a request, as (kind, text)."""
    outcome = row.outcome or ""
    if outcome == "ok":
        return "success", tr("requests.ok")
    if outcome in SUCCESSES:
        return "", tr("requests.outcome_client_left")
    kind = "warning" if outcome in (*GROUPS["client"], *GROUPS["limit"]) else "danger"
    return kind, outcome_name(outcome)


def outcome_name(outcome: str) -> str:
    names = {
        "invalid_request": tr("requests.outcome_invalid"),
        "unsupported": tr("requests.outcome_unsupported"),
        "prompt_too_long": tr("requests.outcome_prompt_too_long"),
        "content_filter": tr("requests.outcome_content_filter"),
        "model_not_found": tr("requests.outcome_no_such_model"),
        "permission": tr("requests.outcome_forbidden"),
        "too_large": tr("requests.outcome_too_large"),
        "quota": tr("requests.outcome_quota"),
        "rate_limited": tr("requests.outcome_rate_limited"),
        "overloaded": tr("requests.outcome_overloaded"),
        "unavailable": tr("requests.outcome_copilot_failed"),
        "unreachable": tr("requests.outcome_unreachable"),
        "timeout": tr("requests.outcome_timeout"),
        "authentication": tr("requests.outcome_login_refused"),
        "stream_cut": tr("requests.outcome_interrupted"),
        "interrupted": tr("requests.outcome_bridge_stopped"),
        "internal": tr("requests.outcome_internal"),
    }
    return names.get(outcome, outcome.replace("_", " "))


def cache_verdict(row: RequestLogRow) -> str:
    """The verdict on the prompt cache; "": there is none."""
    detail = row.verdict_detail or ""
    names = {
        "hit": tr("request.cache_hit", detail=detail),
        "first": tr("request.cache_first"),
        "model_changed": tr("request.cache_model_changed"),
        "tools_changed": tr("request.cache_tools_changed", detail=detail),
        "system_changed": tr("request.cache_system_changed"),
        "message_changed": tr("request.cache_message_changed", detail=detail),
        "expired": tr("request.cache_expired", detail=detail),
        "no_marks": tr("request.cache_no_marks"),
        "too_short": tr("request.cache_too_short"),
        "unexplained": tr("request.cache_unexplained"),
    }
    return names.get(row.verdict or "", row.verdict or "")


def refused_model(row: RequestLogRow) -> str:
    """The model in whose place another one has answered, and why; "": none was refused."""
    return f"{row.instead_of} ({outcome_name(row.instead_why or '')})" if row.instead_of else ""


@dataclass(frozen=True)
class Phase:
    """A part of a request's time, in ms.  `start`, `length`: per cent of the whole time, for the drawing."""

    name: str
    kind: str
    ms: int
    start: float
    length: float


def phases(row: RequestLogRow) -> list[Phase]:
    """The phases of a request in order; []: its times are unknown."""
    whole = row.ms
    if not whole:
        return []
    waits = (row.queue_ms, row.token_ms, row.catalogue_ms, row.connection_ms)
    names = (
        (tr("request.queue"), "queue"),
        (tr("request.copilot_token"), "token"),
        (tr("request.catalogue"), "catalogue"),
        (tr("request.connection"), "connection"),
    )
    named, waited = [], 0
    for (name, kind), ms in zip(names, waits, strict=True):
        named.append((name, kind, min(ms or 0, whole - waited)))
        waited += named[-1][2]
    first = whole if row.first_byte_ms is None else min(max(row.first_byte_ms, waited), whole)
    named.append((tr("request.wait_for_first_byte"), "first", first - waited))
    named.append((tr("request.streaming"), "stream", whole - first))
    found, start = [], 0
    for name, kind, ms in named:
        found.append(Phase(name, kind, ms, round(100 * start / whole, 2), round(100 * ms / whole, 2)))
        start += ms
    return found
