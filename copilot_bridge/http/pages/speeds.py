"""The speed and the reliability of each model in the last requests of this bridge."""

from collections.abc import Sequence

from cachetools import TTLCache, cached
from msgspec import Struct

from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.errors import StoreError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.store.logged_request import RequestLogRow

ROWS = 3000  # of the log that are looked at
TTL = 30.0  # seconds


class Speed(Struct, frozen=True):
    """The speed of a model.

    :param median, slow: ms until the first byte, of the half and of 95 per cent of the requests; or None.
    :param tokens: per second while a response is streamed, or None.  :param failed: per cent of the requests.
    """

    requests: int
    median: int | None
    slow: int | None
    tokens: float | None
    failed: float


@cached(TTLCache(16, TTL), key=id)
def speeds_of(bridge: Bridge) -> dict[str, Speed]:
    """The speed of each model; {}: the log can't be read."""
    found: dict[str, list[RequestLogRow]] = {}
    try:
        rows = bridge.store.request_log.page(limit=ROWS)
    except StoreError:
        return {}
    for row in rows:
        if row.upstream and row.model:
            found.setdefault(row.model, []).append(row)
    return {model: speed_of(sums) for model, sums in found.items()}


def speed_of(rows: Sequence[RequestLogRow]) -> Speed:
    from statistics import median

    ended = [row.first_byte_ms for row in rows if row.outcome == "ok"]
    firsts = sorted(first for first in ended if first is not None)
    rates = [rate for row in rows if (rate := rate_of(row))]
    failed = sum(row.outcome not in SUCCESSES for row in rows)
    return Speed(
        len(rows),
        round(median(firsts)) if firsts else None,
        firsts[min(len(firsts) - 1, len(firsts) * 95 // 100)] if firsts else None,
        median(rates) if rates else None,
        100 * failed / len(rows),
    )


def rate_of(row: RequestLogRow) -> float | None:
    """Tokens per second while the response was streamed; None: not known."""
    if not row.streamed or not row.tokens_out or row.first_byte_ms is None or row.ms is None:
        return None
    return row.tokens_out * 1000 / (row.ms - row.first_byte_ms) if row.ms > row.first_byte_ms else None
