"""Conversion of log entries into rows of the stored request log."""

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.logs.escaping import truncate
from copilot_bridge.store.logged_request import RequestLogRow

MAX_ERROR_LENGTH, MAX_NAME_LENGTH = 500, 200  # characters


def finished_row(entry: RequestLogEntry) -> RequestLogRow:
    return RequestLogRow(
        id=entry.id,
        at=entry.at,
        caller=entry.caller_id or "local",
        account=entry.account,
        dialect=entry.dialect,
        model=truncate(entry.model, MAX_NAME_LENGTH),
        upstream=entry.upstream,
        initiator=entry.initiator,
        status=entry.status,
        outcome=entry.outcome,
        ms=entry.ms,
        first_byte_ms=entry.first_byte_ms,
        tokens_in=entry.tokens_in,
        tokens_out=entry.tokens_out,
        tokens_cached=entry.tokens_cached,
        tokens_reasoning=entry.tokens_reasoning,
        cost=entry.cost,
        quota=entry.quota,
        queue_ms=milliseconds(entry.queue),
        token_ms=milliseconds(entry.token),
        catalogue_ms=milliseconds(entry.catalogue),
        connection_ms=milliseconds(entry.connection),
        uploaded=entry.uploaded,
        spared=entry.spared,
        error=truncate(entry.error, MAX_ERROR_LENGTH),
        address=entry.caller,
        path=truncate(entry.path, MAX_NAME_LENGTH),
        streamed=int(entry.streamed),
        premium=entry.premium,
        session=entry.session,
        discount=entry.discount,
        adaptations=truncate(entry.adaptations, MAX_ERROR_LENGTH),
        nano_aiu=entry.nano_aiu,
        estimated=int(entry.estimated),
        tier=entry.tier,
        tokens_written=entry.tokens_written,
        searches=entry.searches,
        retries=entry.retries,
        requested_model=truncate(entry.requested_model, MAX_NAME_LENGTH),
        response_model=truncate(entry.response_model, MAX_NAME_LENGTH),
        upstream_id=truncate(entry.upstream_id, MAX_NAME_LENGTH),
        client=entry.client,
        interaction=entry.interaction,
        kind=entry.kind,
        instead_of=truncate(entry.instead_of, MAX_NAME_LENGTH),
        fallback_reason=entry.fallback_reason,
        verdict=entry.verdict,
        parent=entry.parent,
    )


def interrupted_row(entry: RequestLogEntry) -> RequestLogRow:
    """The row of a request whose process is killed before its end."""
    return RequestLogRow(
        id=entry.id,
        at=entry.at,
        caller=entry.caller_id or "local",
        dialect=entry.dialect,
        model=truncate(entry.model, MAX_NAME_LENGTH),
        outcome="interrupted",
        address=entry.caller,
        path=truncate(entry.path, MAX_NAME_LENGTH),
        streamed=int(entry.streamed),
        requested_model=truncate(entry.requested_model, MAX_NAME_LENGTH),
        client=entry.client,
    )


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
