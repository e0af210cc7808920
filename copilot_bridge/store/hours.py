"""What requests come to, by the hour: so that a month is added up from a few rows, and exactly once.

They are written with the requests themselves, in the same transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any

HOUR = 3600
KEYS = ("hour", "caller", "account", "model")
SUMS = ("requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost")
FINE = ("ok", "client gone")  # outcomes that are nobody's fault

ADDED = ", ".join(
    f"{name} = coalesce(request_hours.{name} + excluded.{name}, request_hours.{name}, excluded.{name})"
    for name in SUMS
)
PUT_HOUR = (
    f"INSERT INTO request_hours ({', '.join((*KEYS, *SUMS))})"  # noqa: S608
    f" VALUES ({', '.join('?' * (len(KEYS) + len(SUMS)))})"
    f" ON CONFLICT ({', '.join(KEYS)}) DO UPDATE SET {ADDED}"
)


# Of a row of the request log, what it takes.
TAKEN = (
    "at",
    "caller",
    "account",
    "model",
    "upstream",
    "outcome",
    "premium",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "cost",
)


def hours_of(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """For PUT_HOUR.  :param rows: of the request log, the columns TAKEN."""
    groups: dict[tuple[Any, ...], list[Sequence[Any]]] = {}
    for at, caller, account, model, upstream, *counted in rows:
        known = str(model or "") if upstream else ""  # a name that Copilot does not know may be anything
        key = (int(at // HOUR * HOUR), caller or "", account or "", known)
        groups.setdefault(key, []).append(counted)
    return [(*key, *sums_of(group)) for key, group in groups.items()]


def sums_of(group: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    outcomes, premium, *tokens, cost = zip(*group, strict=True)
    errors = sum(outcome not in FINE for outcome in outcomes)
    return (len(group), errors, total(premium), *(total(each) or 0 for each in tokens), total(cost))


def total(numbers: Iterable[Any]) -> Any:
    """None: none of them is known."""
    known = [each for each in numbers if each is not None]
    return sum(known) if known else None


def added_up(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other
