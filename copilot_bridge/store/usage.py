"""The usage of the plan: sums of the request log by day, model and key."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from cachetools import TTLCache

from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.forecast import Traffic
from copilot_bridge.billing.hourly_rollups import HOUR, add
from copilot_bridge.billing.usage import DAY, Sums, midnight, name_of_day, named_sums
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.rollups import (
    SUM_OF_HOURS,
    SUM_OF_REQUESTS,
    Chosen,
    Group,
    Shares,
    SumReader,
    sums_for,
)

# Sums of past hours hardly change: only requests that were still running then are added later.
CACHE_SIZE = 40_000  # groups of all spans, of about 1 kB each
CACHE_TTL, FINAL_TTL = 600.0, 6 * 3600.0  # seconds
END_OF_TIME = 1 << 40  # seconds
FINAL_AFTER = 2 * 3600.0  # seconds after an hour, until all of its requests have ended

DAYS, HOURS = "day", "hour"
# The groupings of usage -> the column.
REPORTS = {
    "model": "model",
    "key": "caller",
    "conversation": "session",
    "client": "client",
    DAYS: "hour",
    HOURS: "hour",
}

# Reports in the order of time -> (the seconds of a row, its name in UTC by its beginning).
TIMES: dict[str, tuple[int, Callable[[int], str]]] = {
    DAYS: (DAY, lambda start: name_of_day(start, 0)),
    HOURS: (HOUR, lambda start: time.strftime("%Y-%m-%d %H:00", time.gmtime(start))),
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

Span = tuple[int, int]
Wanted = tuple[Span, tuple[str, ...], Chosen]
Names = Mapping[str, str | tuple[str, ...]]
"""Columns and the values that they have to have; several: one of them."""


class UsageTable:
    """Sums of all requests, or of those of one `caller` or `account`.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: TTLCache[Wanted, dict[Group, Sums]] = TTLCache(CACHE_SIZE, CACHE_TTL, getsizeof=size_of)
        self._last_uses: TTLCache[str, dict[str, float]] = TTLCache(2, 60.0)
        self._final: TTLCache[Wanted, dict[Group, Sums]] = TTLCache(CACHE_SIZE, FINAL_TTL, getsizeof=size_of)

    def spans(
        self, edges: Sequence[int], by: tuple[str, ...], wanted: Names | None = None
    ) -> list[dict[Group, Sums]]:
        """The sums between each two neighbouring moments, as {(value of each column in `by`): sums}.

        The sums have "nano_cents" besides: the list price in 1e-9 US cents.  The sums of past spans are
        cached, so many spans hardly take longer than one; do not change what is returned.

        :param edges: unix seconds, ascending.
        :param by: of COLUMNS_OF_REQUESTS; none: the sums of all.  Model "": not one of Copilot's.
        :param wanted: values of such columns.
        """
        chosen = tuple(sorted((wanted or {}).items()))

        def read(transaction: Transaction) -> list[dict[Group, Sums]]:
            now, reader = transaction.now(), SumReader(transaction, by, chosen)
            return [self._span(reader, now, span, (span, by, chosen)) for span in pairwise(edges)]

        return self._database.read(read)

    def _span(self, reader: SumReader, now: float, span: Span, key: Wanted) -> dict[Group, Sums]:
        cache = self._final if span[1] < now - FINAL_AFTER else self._recent
        named = cache.get(key)
        if named is None:
            named = {group: with_price(sums) for group, sums in reader.sums(*span).items()}
            if span[1] < now and size_of(named) <= CACHE_SIZE:
                cache[key] = named
        return named

    def largest(
        self, span: Span, by: str, order: str, limit: int, wanted: Names | None = None
    ) -> tuple[list[str], int]:
        """The names of the largest groups in a span, and the number of all groups.

        :param order: one of ORDERS.
        """
        chosen = tuple(sorted((wanted or {}).items()))

        def read(transaction: Transaction) -> tuple[list[str], int]:
            return SumReader(transaction, (by,), chosen, sums_for(order)).largest(*span, order, limit)

        return self._database.read(read)

    def days(
        self, since: float, offset: int = 0, *, caller: str | None = None, account: str | None = None
    ) -> list[Sums]:
        """The sums of each day and model: [{"day": "2026-11-21", "model": ..., sums}].

        The oldest come first.  Model "": not one of Copilot's.

        :param since: unix seconds; the whole day that it falls into counts.
        :param offset: of the time zone, minutes east of Greenwich.
        """
        given = (("caller", caller), ("account", account))
        chosen = tuple((name, value) for name, value in given if value is not None)

        def read(transaction: Transaction) -> list[Sums]:
            last = transaction.rows("SELECT max(hour) FROM request_hours")[0][0] or 0
            days = range(midnight(since, offset), last + HOUR, DAY)
            reader = SumReader(transaction, ("model",), chosen)
            return [
                {"day": name_of_day(start, offset), "model": model} | named_sums(sums[:-1])
                for start in days
                for (model,), sums in sorted(reader.sums(start, start + DAY).items())
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

    def first(self) -> float:
        """The hour of the first request that is known, in unix seconds; infinite: there is none."""
        ((hour,),) = self._rows("SELECT min(hour) FROM request_hours")
        return float("inf") if hour is None else float(hour)

    def last_uses(self, column: str = "caller") -> dict[str, float]:
        """The hour of each caller's last request, in unix seconds; a minute old at most.

        :param column: or "account", of each account's.
        """
        if column not in self._last_uses:
            rows = self._rows(f"SELECT {column}, max(hour) FROM request_hours GROUP BY {column}")  # noqa: S608
            self._last_uses[column] = {name: float(hour) for name, hour in rows}
        return self._last_uses[column]

    def by(self, name: str, since: float) -> list[Sums]:
        """Sum up by one of REPORTS: [{"name": ..., "nano_cents": ..., and sums}].

        The dearest come first, days and hours in their order.

        :param name: one of REPORTS.  :param since: unix seconds; the whole hour that it falls into counts.
        """
        start = int(since) // HOUR * HOUR

        def read(transaction: Transaction) -> Shares:
            return SumReader(transaction, (REPORTS[name],), ()).sums(start, END_OF_TIME)

        found = self._database.read(read)
        if name in TIMES:
            seconds, name_of = TIMES[name]
            spans = joined(found, seconds)
            return [{"name": name_of(start)} | with_price(sums) for start, sums in sorted(spans.items())]
        rows = [{"name": group} | with_price(sums) for (group,), sums in found.items()]
        return sorted(rows, key=lambda one: (-one["nano_cents"], -one["requests"], one["name"]))

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
        """Sum up the requests whose tokens are known.

        Each limit gives two sums: of prompts up to it, and of longer ones.

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
        """The sums since a moment, such as midnight."""
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


def with_price(sums: Sequence[Any]) -> Sums:
    return named_sums(sums[:-1]) | {"nano_cents": int(sums[-1] or 0)}


def joined(hours: Shares, seconds: int) -> dict[int, list[Any]]:
    """The sums of longer times.  :param hours: by their beginnings, as are those that are returned."""
    found: dict[int, list[Any]] = {}
    for (hour,), sums in hours.items():
        start = int(hour) // seconds * seconds
        found[start] = [*map(add, found.get(start, [None] * len(sums)), sums)]
    return found


def size_of(span: dict[Group, Sums]) -> int:
    """The size of a span in the memory of spans, also of an empty one."""
    return len(span) + 1


def whose(caller: str | None, account: str | None, before: str = " AND ") -> tuple[str, list[str]]:
    given = [(name, value) for name, value in (("caller", caller), ("account", account)) if value is not None]
    sql = " AND ".join(f"{name} = ?" for name, _ in given)
    return (before + sql if sql else ""), [value for _, value in given]
