"""The sums of requests by the hour, so that a month is summed up from a few rows."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from copilot_bridge.billing.cost import NANO

HOUR = 3600
KEY_COLUMNS = ("hour", "caller", "account", "model")
SUM_COLUMNS = (
    "requests",
    "errors",
    "premium",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "cost",
    "tokens_written",
    "nano_aiu",
    "estimated",
)
SUCCESSES = ("ok", "client_disconnected")  # the outcomes that count as no error

Rollup = tuple[Any, ...]
"""A value for each of KEY_COLUMNS and SUM_COLUMNS."""


class FinishedRequest(Protocol):
    """The part of a request that is summed up."""

    at: float
    caller: str | None
    account: str | None
    model: str | None
    upstream: str | None
    outcome: str | None
    premium: float | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int | None
    cost: float | None
    tokens_written: int | None
    nano_aiu: int | None
    estimated: int | None


def hourly_rollups(requests: Iterable[FinishedRequest]) -> list[Rollup]:
    """The sums of each hour, caller, account and model.  Model "": not one of Copilot's."""
    groups: dict[tuple[Any, ...], list[FinishedRequest]] = {}
    for request in requests:
        # Without an upstream dialect the name is not one of Copilot's models, and may be any text.
        model = request.model or "" if request.upstream else ""
        hour = int(request.at // HOUR * HOUR)
        groups.setdefault((hour, request.caller or "", request.account or "", model), []).append(request)
    return [(*key, *sums_of(group)) for key, group in groups.items()]


def sums_of(group: Sequence[FinishedRequest]) -> tuple[Any, ...]:
    return (
        len(group),
        sum(request.outcome not in SUCCESSES for request in group),
        total(request.premium for request in group),
        total(request.tokens_in for request in group) or 0,
        total(request.tokens_out for request in group) or 0,
        total(request.tokens_cached for request in group) or 0,
        total(request.cost for request in group),
        total(request.tokens_written for request in group) or 0,
        total(nano_aiu_of(request) for request in group),
        total(request.estimated for request in group) or 0,
    )


def nano_aiu_of(request: FinishedRequest) -> int | None:
    """The cost in 1e-9 AI units, of a row of an earlier version too."""
    if request.nano_aiu is None and request.cost is not None:
        return round(request.cost * NANO)
    return request.nano_aiu


def total(numbers: Iterable[Any]) -> Any:
    """The sum of the known numbers; None: none of them is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def add(one: Any, other: Any) -> Any:
    """The sum of two numbers, of which either may be unknown."""
    return other if one is None else one if other is None else one + other
