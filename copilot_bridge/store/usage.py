"""The usage of the plan: sums of the request log by day, model and key."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from cachetools import TTLCache

from copilot_bridge.billing.budgets import DOLLARS
from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.forecast import Traffic
from copilot_bridge.billing.hourly_rollups import HOUR, KEY_COLUMNS, SUM_COLUMNS, add
from copilot_bridge.billing.usage import DAY, Sums, midnight, name_of_day, named_sums
from copilot_bridge.store.budgets import USED_OF_HOUR, USED_OF_REQUEST
from copilot_bridge.store.database import Database, Row, Transaction

# A day that is over hardly changes: only the requests that were under way at midnight are still to come.
CACHE_TTL, CACHE_SIZE = 600.0, 1000  # s, days

UPSERT_HOUR = (
    f"INSERT INTO request_hours ({', '.join((*KEY_COLUMNS, *SUM_COLUMNS))})"  # noqa: S608
    f" VALUES ({', '.join('?' * (len(KEY_COLUMNS) + len(SUM_COLUMNS)))})"
    f" ON CONFLICT ({', '.join(KEY_COLUMNS)}) DO UPDATE SET "
    + ", ".join(
        f"{name} = coalesce(request_hours.{name} + excluded.{name}, request_hours.{name}, excluded.{name})"
        for name in SUM_COLUMNS
    )
)

SUM_OF_HOURS = ", ".join(f"sum({name})" for name in SUM_COLUMNS)
# The same sums, of the log's own rows.
SUM_OF_REQUESTS = (
    "count(*), coalesce(sum(CASE WHEN outcome IN ('ok', 'client_disconnected') THEN 0 ELSE 1 END), 0),"
    " sum(premium), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),"
    " coalesce(sum(tokens_cached), 0), sum(cost), coalesce(sum(tokens_written), 0),"
    " sum(coalesce(nano_aiu, CAST(round(cost * 1000000000) AS BIGINT))), coalesce(sum(estimated), 0)"
)
# The columns of request_hours, as expressions of the log's own columns.
COLUMNS_OF_REQUESTS = {
    "model": "CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END",
    "caller": "coalesce(caller, '')",
}

# What a row has cost at list price, in 1e-9 US cents.
CENTS_OF_HOUR, CENTS_OF_REQUEST = USED_OF_HOUR[DOLLARS], USED_OF_REQUEST[DOLLARS]

DAYS, HOURS = "day", "hour"
# What usage can be reported by -> (expression, table, its column of the time).
REPORTS = {
    "model": ("model", "request_hours", "hour"),
    "key": ("caller", "request_hours", "hour"),
    "conversation": ("coalesce(session, '')", "requests", "at"),
    "client": ("coalesce(client, '')", "requests", "at"),
    DAYS: ("hour / 86400", "request_hours", "hour"),
    HOURS: ("hour", "request_hours", "hour"),
}

# Reports in the order of time -> the name of a row, in UTC.
NAMES_OF_TIMES: dict[str, Callable[[int], str]] = {
    DAYS: lambda day: name_of_day(day * DAY, 0),
    HOURS: lambda hour: time.strftime("%Y-%m-%d %H:00", time.gmtime(hour)),
}

TRAFFIC = (
    "SELECT count(*), sum(CASE WHEN initiator = 'user' THEN 1 ELSE 0 END), sum(tokens_in), sum(tokens_out),"
    " sum(tokens_cached), sum(tokens_written) FROM requests WHERE at >= ? AND tokens_in IS NOT NULL"
)

# Whole days of UTC: the division of PostgreSQL would round to a fraction.
CACHE_VERDICTS = (
    "SELECT CAST(floor(at / 86400) AS BIGINT), coalesce(client, ''), verdict, count(*),"
    " coalesce(sum(tokens_in), 0), coalesce(sum(tokens_cached), 0), coalesce(sum(lost_nano_aiu), 0)"
    " FROM requests WHERE at >= ? AND verdict IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 4 DESC, 3"
)

Shares = dict[tuple[str, ...], list[Any]]
"""(caller, model), or less -> a value for each of SUM_COLUMNS."""


class UsageTable:
    """Sums of all requests, or of those of one `caller` or `account`.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: TTLCache[tuple[int, str | None], Shares] = TTLCache(CACHE_SIZE, CACHE_TTL)

    def shares(self, since: float, offset: int = 0, *, account: str | None = None) -> list[Sums]:
        """The sums of each day, caller and model: [{"day": "2026-11-21", "caller": ..., "model": ..., sums}].

        Many days take hardly longer than one.  The parameters are those of `days`.
        """
        wanted, values = whose(None, account)

        def read(transaction: Transaction) -> list[tuple[int, Shares]]:
            now = transaction.now()
            days = range(midnight(since, offset), int(now) + 1, DAY)
            return [(start, self._shares_of(transaction, start, now, wanted, values)) for start in days]

        return [
            {"day": name_of_day(start, offset), "caller": caller, "model": model} | named_sums(sums)
            for start, shares in self._database.read(read)
            for (caller, model), sums in sorted(shares.items())
        ]

    def _shares_of(
        self, transaction: Transaction, start: int, now: float, wanted: str, values: list[str]
    ) -> Shares:
        key = (start, values[0] if values else None)
        shares = self._cache.get(key)
        if shares is None:
            shares = day_of(transaction, start, wanted, values, ("caller", "model"))
            if start + DAY < now:
                self._cache[key] = shares
        return shares

    def days(
        self, since: float, offset: int = 0, *, caller: str | None = None, account: str | None = None
    ) -> list[Sums]:
        """The sums of each day and model: [{"day": "2026-11-21", "model": ..., sums}].

        The oldest come first.  Model "": not one of Copilot's.

        :param since: unix seconds; the whole day that it falls into counts.
        :param offset: of the time zone, minutes east of Greenwich.
        """
        wanted, values = whose(caller, account)

        def read(transaction: Transaction) -> list[Sums]:
            last = transaction.rows("SELECT max(hour) FROM request_hours")[0][0] or 0
            days = range(midnight(since, offset), last + HOUR, DAY)
            return [
                {"day": name_of_day(start, offset), "model": model} | named_sums(sums)
                for start in days
                for (model,), sums in sorted(day_of(transaction, start, wanted, values, ("model",)).items())
            ]

        return self._database.read(read)

    def keys(self, since: float, *, caller: str | None = None, account: str | None = None) -> list[Sums]:
        """The sums of each caller, the busiest first: [{"caller": ..., sums}].

        :param since: unix seconds; the whole hour that it falls into counts.
        """
        wanted, values = whose(caller, account)
        rows = self._rows(
            f"SELECT caller, {SUM_OF_HOURS} FROM request_hours WHERE hour >= ?{wanted}"  # noqa: S608
            " GROUP BY caller ORDER BY sum(requests) DESC, caller",
            int(since) // HOUR * HOUR,
            *values,
        )
        return [{"caller": row[0]} | named_sums(row[1:]) for row in rows]

    def by(self, name: str, since: float) -> list[Sums]:
        """Sum up by one of REPORTS: [{"name": ..., "nano_cents": ..., and sums}].

        The dearest come first, days and hours in their order.

        :param name: one of REPORTS.  :param since: unix seconds; the whole hour that it falls into counts.
        """
        column, table, at = REPORTS[name]
        hourly = table == "request_hours"
        sums, cents = (SUM_OF_HOURS, CENTS_OF_HOUR) if hourly else (SUM_OF_REQUESTS, CENTS_OF_REQUEST)
        rows = self._rows(
            f"SELECT {column}, sum({cents}), {sums} FROM {table} WHERE {at} >= ? GROUP BY {column}"  # noqa: S608
            f" ORDER BY {column}",
            int(since) // HOUR * HOUR,
        )
        found = [{"name": row[0], "nano_cents": int(row[1] or 0)} | named_sums(row[2:]) for row in rows]
        if name in NAMES_OF_TIMES:
            return [one | {"name": NAMES_OF_TIMES[name](one["name"])} for one in found]
        return sorted(found, key=lambda one: (-one["nano_cents"], -one["requests"], one["name"]))

    def cache(self, since: float) -> list[Sums]:
        """The verdicts on the prompt cache for each client and day, in their order.

        [{"day": "2026-11-21", "client": ..., "verdict": ..., "requests": ..., "tokens_in": ...,
        "tokens_cached": ..., "lost_nano_aiu": ...}]

        :param since: unix seconds.
        """
        names = ("day", "client", "verdict", "requests", "tokens_in", "tokens_cached", "lost_nano_aiu")
        rows = self._rows(CACHE_VERDICTS, since)
        found = [dict(zip(names, (*row[:3], *map(int, row[3:])), strict=True)) for row in rows]
        return [one | {"day": name_of_day(int(one["day"]) * DAY, 0)} for one in found]

    def traffic(self, since: float, limits: Iterable[int | None]) -> dict[int | None, tuple[Traffic, ...]]:
        """The requests whose tokens are known: for each limit, those with prompts up to it, and the longer.

        :param limits: tokens of a prompt; None: no limit, so there is only one part.
        """

        def part(transaction: Transaction, condition: str, *values: int) -> Traffic:
            (row,) = transaction.rows(f"{TRAFFIC}{condition}", since, *values)
            requests, by_users, *tokens = (int(value or 0) for value in row)
            return Traffic(requests, by_users, TokenCounts(*tokens))

        def read(transaction: Transaction) -> dict[int | None, tuple[Traffic, ...]]:
            return {
                limit: (part(transaction, ""),)
                if limit is None
                else (
                    part(transaction, " AND tokens_in <= ?", limit),
                    part(transaction, " AND tokens_in > ?", limit),
                )
                for limit in dict.fromkeys(limits)
            }

        return self._database.read(read)

    def since(self, at: float, *, caller: str | None = None, account: str | None = None) -> Sums:
        """The sums from a moment on, such as midnight."""
        wanted, values = whose(caller, account)
        (row,) = self._rows(f"SELECT {SUM_OF_REQUESTS} FROM requests WHERE at >= ?{wanted}", at, *values)  # noqa: S608
        return named_sums(row)

    def last(self, number: int, *, caller: str | None = None, account: str | None = None) -> Sums:
        """The sums of the last requests."""
        wanted, values = whose(caller, account, before=" WHERE ")
        newest = f"SELECT at, id FROM requests{wanted} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        (row,) = self._rows(
            f"SELECT {SUM_OF_REQUESTS} FROM requests WHERE (at, id) IN ({newest})",  # noqa: S608
            *values,
            number,
        )
        return named_sums(row)

    def _rows(self, sql: str, *values: object) -> list[Row]:
        return self._database.read(lambda transaction: transaction.rows(sql, *values))


def day_of(
    transaction: Transaction, start: int, wanted: str, values: list[str], by: tuple[str, ...]
) -> Shares:
    """The sums of a day, by the columns `by`.  A query for each day is faster than one for all days.

    In a time zone that is not whole hours from UTC, the hours at both ends are summed up from the log's rows.
    """
    end = start + DAY
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    names = ", ".join(by)
    sql = (
        f"SELECT {names}, {SUM_OF_HOURS} FROM request_hours"  # noqa: S608
        f" WHERE hour >= ? AND hour < ?{wanted} GROUP BY {names}"
    )
    found = transaction.rows(sql, first, last, *values)
    if first != start:
        known = ", ".join(COLUMNS_OF_REQUESTS[name] for name in by)
        sql = (
            f"SELECT {known}, {SUM_OF_REQUESTS} FROM requests"  # noqa: S608
            f" WHERE at >= ? AND at < ?{wanted} GROUP BY {known}"
        )
        found += transaction.rows(sql, start, first, *values) + transaction.rows(sql, last, end, *values)
    sums: Shares = {}
    for row in found:
        key, more = row[: len(by)], row[len(by) :]
        sums[key] = [*map(add, sums.get(key, [None] * len(SUM_COLUMNS)), more)]
    return sums


def whose(caller: str | None, account: str | None, before: str = " AND ") -> tuple[str, list[str]]:
    given = [(name, value) for name, value in (("caller", caller), ("account", account)) if value is not None]
    sql = " AND ".join(f"{name} = ?" for name, _ in given)
    return (before + sql if sql else ""), [value for _, value in given]
