"""What requests come to, by the hour: so that a month is added up from a few rows, and exactly once.

They are written with the requests themselves, in the same transaction.
"""

from collections.abc import Iterable
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


def hours_of(rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """For PUT_HOUR.  :param rows: of the request log."""
    sums: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        key = (
            int(row["at"] // HOUR * HOUR),
            row["caller"] or "",
            row["account"] or "",
            known_model(row),
        )
        added = (
            1,
            int(row["outcome"] not in FINE),
            row["premium"],
            row["tokens_in"] or 0,
            row["tokens_out"] or 0,
            row["tokens_cached"] or 0,
            row["cost"],
        )
        before = sums.get(key, [None] * len(SUMS))
        sums[key] = [added_up(one, other) for one, other in zip(before, added, strict=True)]
    return [(*key, *values) for key, values in sums.items()]


def known_model(row: dict[str, Any]) -> str:
    """A name that Copilot does not know may be anything."""
    return str(row["model"] or "") if row["upstream"] else ""


def added_up(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other
