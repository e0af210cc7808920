"""What used the plan up: sums of the request log, by day, model and key."""

import time
from typing import Any

from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.hours import HOUR, SUMS, added_up

DAY = 86_400

Sums = dict[str, Any]
"""{"requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost"}.

`premium` and `cost` (AI units) are None where nothing is known of them.
"""

ADDED = ", ".join(f"sum({name})" for name in SUMS)

# The same of the log's own rows.
ADDED_ROWS = (
    "count(*), coalesce(sum(CASE WHEN outcome IN ('ok', 'client gone') THEN 0 ELSE 1 END), 0), sum(premium),"
    " coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(tokens_cached), 0), sum(cost)"
)
KNOWN_MODEL = "CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END"


class UsageTable:
    """Each method takes `caller` and `account`: of theirs only.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
                for model, sums in sorted(day_of(transaction, start, wanted, values).items())
            ]

        return self._database.run(read)

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
        newest = f"SELECT id FROM requests{wanted} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        (row,) = self._rows(
            f"SELECT {ADDED_ROWS} FROM requests WHERE id IN ({newest})",  # noqa: S608
            *values,
            number,
        )
        return named(row)

    def _rows(self, sql: str, *values: object) -> list[Row]:
        return self._database.run(lambda transaction: transaction.rows(sql, *values))


def day_of(transaction: Transaction, start: int, wanted: str, values: list[str]) -> dict[str, list[Any]]:
    """Sums by model.  Day after day is found faster than all days at once.

    In a zone that is no whole hours away, the hours at both ends are added up from the log's own rows.
    """
    end = start + DAY
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    sql = f"SELECT model, {ADDED} FROM request_hours WHERE hour >= ? AND hour < ?{wanted} GROUP BY model"  # noqa: S608
    found = transaction.rows(sql, first, last, *values)
    if first != start:
        sql = (
            f"SELECT {KNOWN_MODEL} AS known, {ADDED_ROWS} FROM requests"  # noqa: S608
            f" WHERE at >= ? AND at < ?{wanted} GROUP BY known"
        )
        found += transaction.rows(sql, start, first, *values) + transaction.rows(sql, last, end, *values)
    sums: dict[str, list[Any]] = {}
    for model, *more in found:
        sums[model] = [*map(added_up, sums.get(model, [None] * len(SUMS)), more)]
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
