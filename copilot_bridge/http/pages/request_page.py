"""The page of one request: how it ended and what to do about it, where its time went, what it cost."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from msgspec import Struct

from copilot_bridge.billing.charge import TokenCounts, in_nano_cents
from copilot_bridge.billing.cost import NANO
from copilot_bridge.errors import BridgeError
from copilot_bridge.http.pages.auth import shared
from copilot_bridge.http.pages.callers import asking
from copilot_bridge.http.pages.export import as_fields
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.outcomes import advice, outcome_badge, outcome_name
from copilot_bridge.http.pages.rendering import page, render
from copilot_bridge.http.pages.request_log import address, given, json_response
from copilot_bridge.models.catalogue import Model
from copilot_bridge.store.logged_request import RequestLogRow

bp = Blueprint("request", __name__)

MILLION = 1_000_000


@bp.get("/requests/<number>")
@json_alternate(lambda number: json_response(as_fields(find(number))))
def show(number: str) -> Response:
    """The page of one request; 202 while it has no row yet.  Raises BridgeError "not_found"."""
    if later := pending_entry(number):
        return page("request_later.html", 202, number=number, back=back(), **later)
    row = find(number)
    made = shared().store.request_log.parts_of(row)
    before, after = shared().store.request_log.neighbours(row)
    return page(
        "request.html",
        row=row,
        phases=phases(row),
        outcome_badge=outcome_badge,
        advice=advice(row),
        parts=cost_parts(row),
        cents=cents_of(row),
        cached=cache_verdict(row),
        refused_model=refused_model(row),
        made=made,
        whole_cost=sum(one.cost or 0.0 for one in (row, *made)),
        before=before,
        after=after,
        back=back(),
        query=given(),
    )


@part("pending")
def pending_part() -> str:
    number = request.args.get("number", "")
    entry = pending_entry(number) or {"found": known(number), "row": None, "query": given()}
    return render("_later.html", number=number, **entry)


def back() -> str:
    """The address of the list that has led here."""
    return address(url_for("pages.requests.show"), given())


def pending_entry(number: str) -> dict[str, Any] | None:
    """The template's values for a request whose row will be written later; None: no such request."""
    row = None if known(number) else shared().request_log_writer.pending(number)
    return {"found": False, "row": row, "query": given()} if row else None


def known(number: str) -> bool:
    return shared().store.request_log.find(number) is not None


def find(id_: str) -> RequestLogRow:
    """The row of a request that the caller may see.  Raises BridgeError "not_found"."""
    row = shared().store.request_log.find(id_)
    if row is None or not (asking().operator or row.caller == asking().id):
        raise BridgeError(tr("requests.no_such_request"), kind="not_found")
    return row


class Phase(Struct, frozen=True):
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


def cents_of(row: RequestLogRow) -> float | None:
    """The list price in US cents; None: it is not known."""
    premium = None if row.premium is None else round(row.premium * NANO)
    nano = in_nano_cents(row.nano_aiu, premium)
    return None if nano is None else nano / NANO


class CostPart(Struct, frozen=True):
    """A part of the cost.

    :param units: AI units at list price.  :param price: AI units for a million tokens.  None: not known.
    """

    name: str
    tokens: int
    units: float | None
    price: float | None


def cost_parts(row: RequestLogRow) -> list[CostPart]:
    """The tokens by kind, with the prices of today's catalogue; []: no tokens are known."""
    if row.tokens_in is None:
        return []
    tokens = TokenCounts(row.tokens_in, row.tokens_out or 0, row.tokens_cached or 0, row.tokens_written or 0)
    model = catalogued(row)
    prices = model.prices if model else None
    tier = (prices.long if row.tier == "long" and prices.long else prices.usual) if prices else None
    kinds = (
        (tr("request.fresh"), tokens.fresh, tier.given if tier else None),
        (
            tr("request.cached"),
            tokens.cached,
            (tier.given if tier.cached is None else tier.cached) if tier else None,
        ),
        (
            tr("request.written"),
            tokens.written,
            (tier.given if tier.written is None else tier.written) if tier else None,
        ),
        (tr("request.output"), tokens.output, tier.out if tier else None),
    )
    return [
        CostPart(name, number, None if price is None else number * price / MILLION, price)
        for name, number, price in kinds
        if number
    ]


def catalogued(row: RequestLogRow) -> Model | None:
    """The model as the cached catalogue lists it."""
    bridge = shared()
    try:
        catalogue = bridge.models.cached(bridge.account())
    except BridgeError:
        return None
    return catalogue.models.get(row.model or "") if catalogue else None


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
        "no_breakpoints": tr("request.cache_no_breakpoints"),
        "too_short": tr("request.cache_too_short"),
        "unexplained": tr("request.cache_unexplained"),
    }
    return names.get(row.verdict or "", row.verdict or "")


def refused_model(row: RequestLogRow) -> str:
    """The model in whose place another one has responded, and why; "": none was refused."""
    return f"{row.instead_of} ({outcome_name(row.fallback_reason or '')})" if row.instead_of else ""
