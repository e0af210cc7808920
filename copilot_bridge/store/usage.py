"""What used the plan up: sums of the request log, by day, model and key."""

import time
from typing import Any

from cachetools import TTLCache

from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.hours import HOUR, SUMS, added_up

DAY = 86_400

# A day that is over changes no more, but by requests that were under way at midnight: it is kept this long.
KEPT, MOST_KEPT = 600.0, 1000  # s, days

Sums = dict[str, Any]
"""{"requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost"}.

`premium` and `cost` (AI units) are None where nothing is known of them.
"""

ADDED = ", ".join(f"sum({name})" for name in SUMS)

# The same of the log's own rows.
ADDED_ROWS = (
    "count(*), coalesce(sum(CASE WHEN outcome IN ('ok', 'client_disconnected') THEN 0 ELSE 1 END), 0),"
    " sum(premium), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),"
    " coalesce(sum(tokens_cached), 0), sum(cost)"
)
KNOWN = {
    "model": "CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END",
    "caller": "coalesce(caller, '')",
}


class UsageTable:
    """Each method takes `caller` and `account`: of theirs only.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: TTLCache[tuple[int, str | None], Shares] = TTLCache(MOST_KEPT, KEPT)

    def shares(self, since: float, offset: int = 0, *, account: str | None = None) -> list[Sums]:
        """[{"day": "2026-11-21", "caller": ..., "model": ..., and sums}], the oldest first.

        Nearly as quick as a day, however many they are.  The parameters are those of `days`.
        """
        wanted, values = whose(None, account)

        def read(transaction: Transaction) -> list[tuple[int, Shares]]:
            now = transaction.now()
            days = range(midnight(since, offset), int(now) + 1, DAY)
            return [(start, self._shares_of(transaction, start, now, wanted, values)) for start in days]

        return [
            {"day": named_day(start, offset), "caller": caller, "model": model} | named(sums)
            for start, shares in self._database.read(read)
            for (caller, model), sums in sorted(shares.items())
        ]

    def _shares_of(
        self, transaction: Transaction, start: int, now: float, wanted: str, values: list[str]
    ) -> "Shares":
        key = (start, values[0] if values else None)
        shares = self._kept.get(key)
        if shares is None:
            shares = day_of(transaction, start, wanted, values, ("caller", "model"))
            if start + DAY < now:
                self._kept[key] = shares
        return shares

    def days(
        self, since: float, offset: int = 0, *, caller: str | None = None, account: str | None = None
    ) -> list[Sums]:
        """[{"day": "2026-11-21", "model": ..., and sums}], the oldest first.  Model "": none was found.

        :param since: unix seconds; the day it falls into is told whole.
        :param offset: of the time zone, minutes east of Greenwich.
        """
        wanted, values = whose(caller, account)

        def read(transaction: Transaction) -> list[Sums]:
            last = transaction.rows("SELECT max(hour) FROM request_hours")[0][0] or 0
            days = range(midnight(since, offset), last + HOUR, DAY)
            return [
                {"day": named_day(start, offset), "model": model} | named(sums)
                for start in days
                for (model,), sums in sorted(day_of(transaction, start, wanted, values, ("model",)).items())
            ]

        return self._database.read(read)

    def keys(self, since: float, *, caller: str | None = None, account: str | None = None) -> list[Sums]:
        """[{"caller": ..., and sums}], the busiest first.

        :param since: unix seconds; the hour it falls into is told whole.
        """
        wanted, values = whose(caller, account)
        rows = self._rows(
            f"SELECT caller, {ADDED} FROM request_hours WHERE hour >= ?{wanted}"  # noqa: S608
            " GROUP BY caller ORDER BY sum(requests) DESC, caller",
            int(since) // HOUR * HOUR,
            *values,
        )
        return [{"caller": row[0]} | named(row[1:]) for row in rows]

    def since(self, at: float, *, caller: str | None = None, account: str | None = None) -> Sums:
        """The sums from a moment on, such as midnight."""
        wanted, values = whose(caller, account)
        (row,) = self._rows(f"SELECT {ADDED_ROWS} FROM requests WHERE at >= ?{wanted}", at, *values)  # noqa: S608
        return named(row)

    def last(self, number: int, *, caller: str | None = None, account: str | None = None) -> Sums:
        """The sums of the last requests."""
        wanted, values = whose(caller, account, before=" WHERE ")
        newest = f"SELECT at, id FROM requests{wanted} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        (row,) = self._rows(
            f"SELECT {ADDED_ROWS} FROM requests WHERE (at, id) IN ({newest})",  # noqa: S608
            *values,
            number,
        )
        return named(row)

    def _rows(self, sql: str, *values: object) -> list[Row]:
        return self._database.read(lambda transaction: transaction.rows(sql, *values))


Shares = dict[tuple[str, ...], list[Any]]


def day_of(
    transaction: Transaction, start: int, wanted: str, values: list[str], by: tuple[str, ...]
) -> Shares:
    """Sums by model, or more.  Day after day is found faster than all days at once.

    In a zone that is no whole hours away, the hours at both ends are added up from the log's own rows.
    """
    end = start + DAY
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    names = ", ".join(by)
    sql = f"SELECT {names}, {ADDED} FROM request_hours WHERE hour >= ? AND hour < ?{wanted} GROUP BY {names}"  # noqa: S608
    found = transaction.rows(sql, first, last, *values)
    if first != start:
        known = ", ".join(KNOWN[name] for name in by)
        sql = f"SELECT {known}, {ADDED_ROWS} FROM requests WHERE at >= ? AND at < ?{wanted} GROUP BY {known}"  # noqa: S608
        found += transaction.rows(sql, start, first, *values) + transaction.rows(sql, last, end, *values)
    sums: Shares = {}
    for row in found:
        key, more = row[: len(by)], row[len(by) :]
        sums[key] = [*map(added_up, sums.get(key, [None] * len(SUMS)), more)]
    return sums


def named_day(start: int, offset: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(start + offset * 60))


def midnight(at: float, offset: int) -> int:
    """Unix seconds of the beginning of the day in a zone.  :param offset: minutes east of Greenwich."""
    return (int(at) + offset * 60) // DAY * DAY - offset * 60


def whose(caller: str | None, account: str | None, before: str = " AND ") -> tuple[str, list[str]]:
    given = [(name, value) for name, value in (("caller", caller), ("account", account)) if value is not None]
    sql = " AND ".join(f"{name} = ?" for name, _ in given)
    return (before + sql if sql else ""), [value for _, value in given]


def named(sums: Row | list[Any]) -> Sums:
    """PostgreSQL adds whole numbers up to decimal ones."""
    return {
        name: value if value is None else float(value) if name in ("premium", "cost") else int(value)
        for name, value in zip(SUMS, sums, strict=True)
    }
