"""What requests come to, by the hour: so that a month is added up from a few rows, and exactly once.

They are written with the requests themselves, in the same transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

HOUR = 3600
KEYS = ("hour", "caller", "account", "model")
SUMS = ("requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost")
FINE = ("ok", "client_disconnected")  # outcomes that are nobody's fault

ADDED = ", ".join(
    f"{name} = coalesce(request_hours.{name} + excluded.{name}, request_hours.{name}, excluded.{name})"
    for name in SUMS
)
PUT_HOUR = (
    f"INSERT INTO request_hours ({', '.join((*KEYS, *SUMS))})"  # noqa: S608
    f" VALUES ({', '.join('?' * (len(KEYS) + len(SUMS)))})"
    f" ON CONFLICT ({', '.join(KEYS)}) DO UPDATE SET {ADDED}"
)


class CountedRequest(Protocol):
    """What is counted of a row of the request log."""

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


def hours_of(requests: Iterable[CountedRequest]) -> list[tuple[Any, ...]]:
    """For PUT_HOUR."""
    groups: dict[tuple[Any, ...], list[CountedRequest]] = {}
    for request in requests:
        # A name that Copilot does not know may be anything.
        known = request.model or "" if request.upstream else ""
        hour = int(request.at // HOUR * HOUR)
        groups.setdefault((hour, request.caller or "", request.account or "", known), []).append(request)
    return [(*key, *sums_of(group)) for key, group in groups.items()]


def sums_of(group: Sequence[CountedRequest]) -> tuple[Any, ...]:
    return (
        len(group),
        sum(request.outcome not in FINE for request in group),
        total(request.premium for request in group),
        total(request.tokens_in for request in group) or 0,
        total(request.tokens_out for request in group) or 0,
        total(request.tokens_cached for request in group) or 0,
        total(request.cost for request in group),
    )


def total(numbers: Iterable[Any]) -> Any:
    """None: none of them is known."""
    known = [each for each in numbers if each is not None]
    return sum(known) if known else None


def added_up(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other
