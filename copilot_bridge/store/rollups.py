"""The hourly sums of the log, from which a month is summed up quickly.

Each writer of the log adds to `request_hours`.  The other tables have more columns, and follow the log in the
background: `rollup_progress` has the `written` of the last row that they contain, and a reader adds the rows
written after it.  So they are right at any time, also while an older version writes the log.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import nextafter
from typing import Any

from msgspec import Struct

from copilot_bridge.billing.budgets import DOLLARS
from copilot_bridge.billing.hourly_rollups import HOUR, KEY_COLUMNS, SUM_COLUMNS, add
from copilot_bridge.store.budgets import USED_OF_HOUR, USED_OF_REQUEST
from copilot_bridge.store.database import Query, Transaction

# The ways to group sums, as expressions of the log's columns.
COLUMNS_OF_REQUESTS = {
    "model": "CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END",
    "caller": "coalesce(caller, '')",
    "account": "coalesce(account, '')",
    "session": "coalesce(session, '')",
    "client": "coalesce(client, '')",
    # PostgreSQL rounds where SQLite cuts off.
    "hour": "(CAST(at AS BIGINT) - CASE WHEN CAST(at AS BIGINT) > at THEN 1 ELSE 0 END) / 3600 * 3600",
}
# The SQL of the amount that a row of the log adds to each of SUM_COLUMNS.
SHARE_OF_REQUEST = {
    "requests": "1",
    "errors": "CASE WHEN outcome IN ('ok', 'client_disconnected') THEN 0 ELSE 1 END",
    "premium": "premium",
    "tokens_in": "coalesce(tokens_in, 0)",
    "tokens_out": "coalesce(tokens_out, 0)",
    "tokens_cached": "coalesce(tokens_cached, 0)",
    "cost": "cost",
    "tokens_written": "coalesce(tokens_written, 0)",
    "nano_aiu": "coalesce(nano_aiu, CAST(round(cost * 1000000000) AS BIGINT))",
    "estimated": "coalesce(estimated, 0)",
}
UNKNOWN = ("premium", "cost", "nano_aiu")  # of SUM_COLUMNS, where no row knows it
SUM_OF_HOURS = ", ".join(f"sum({name})" for name in SUM_COLUMNS)
SUM_OF_REQUESTS = ", ".join(
    f"sum({SHARE_OF_REQUEST[name]})" if name in UNKNOWN else f"coalesce(sum({SHARE_OF_REQUEST[name]}), 0)"
    for name in SUM_COLUMNS
)

# The SQL of the cost of a row at list price, in 1e-9 US cents.
CENTS_OF_HOUR, CENTS_OF_REQUEST = USED_OF_HOUR[DOLLARS], USED_OF_REQUEST[DOLLARS]

# The sums by which the largest groups are chosen.
ORDERS = {
    "premium": "sum(premium)",
    "units": "sum(nano_aiu)",
    "usd": f"sum({CENTS_OF_HOUR})",
    "tokens": "sum(tokens_in + tokens_out)",
    "requests": "sum(requests)",
    "errors": "sum(errors)",
    "tokens_in": "sum(tokens_in)",
    "tokens_out": "sum(tokens_out)",
    "cached": "1.0 * sum(tokens_cached) / nullif(sum(tokens_in), 0)",
}

UPSERT = "INSERT INTO {table} ({names}) {rows} ON CONFLICT ({keys}) DO UPDATE SET " + ", ".join(
    f"{name} = coalesce({{table}}.{name} + excluded.{name}, {{table}}.{name}, excluded.{name})"
    for name in SUM_COLUMNS
)
BATCH_SIZE = 5000  # rows that are added in one transaction
PROGRESS = "(SELECT written FROM rollup_progress)"


class Rollup(Struct, frozen=True):
    """A table of hourly sums.

    :param keys: the columns that it is grouped by.  :param follows: the log, so that some rows are missing.
    """

    table: str
    keys: tuple[str, ...]
    follows: bool = True

    @property
    def update(self) -> str:
        """The statement that adds the rows written after a moment, up to another one."""
        columns = ", ".join(COLUMNS_OF_REQUESTS[name] for name in self.keys)
        return UPSERT.format(
            table=self.table,
            names=", ".join((*self.keys, *SUM_COLUMNS)),
            rows=f"SELECT {columns}, {SUM_OF_REQUESTS} FROM requests"  # noqa: S608
            f" WHERE written > ? AND written <= ? GROUP BY {columns}",
            keys=", ".join(self.keys),
        )


# Those with fewer rows first.
ROLLUPS = (
    Rollup("request_hours", KEY_COLUMNS, follows=False),
    Rollup("client_hours", (*KEY_COLUMNS, "client")),
    Rollup("conversation_hours", (*KEY_COLUMNS, "client", "session")),
)
FOLLOWING = tuple(rollup for rollup in ROLLUPS if rollup.follows)

UPSERT_HOUR = UPSERT.format(
    table="request_hours",
    names=", ".join((*KEY_COLUMNS, *SUM_COLUMNS)),
    rows=f"VALUES ({', '.join('?' * (len(KEY_COLUMNS) + len(SUM_COLUMNS)))})",
    keys=", ".join(KEY_COLUMNS),
)

Group = tuple[str, ...]
Chosen = tuple[tuple[str, str | tuple[str, ...]], ...]
"""Columns and the values that they have to have; several: one of them."""
Shares = dict[Group, list[Any]]
"""A value for each of SUM_COLUMNS, and the list price."""


def next_written(transaction: Transaction) -> float:
    """The `written` of rows that are written now: later than what the sums contain, whatever the clock."""
    ((done,),) = transaction.rows("SELECT written FROM rollup_progress")
    return max(transaction.now(), nextafter(done, float("inf")))


def behind(transaction: Transaction) -> bool:
    """Return whether some rows of the log are not in the sums yet."""
    return bool(transaction.rows(f"SELECT 1 FROM requests WHERE written > {PROGRESS} LIMIT 1"))  # noqa: S608


def catch_up(transaction: Transaction) -> bool:
    """Add the next rows of the log to the sums.  Returns whether there are more.

    Under the lock that writers of the log take, so that no row gets an earlier `written` afterwards.
    """
    transaction.advisory_lock("requests")
    ((done,),) = transaction.rows("SELECT written FROM rollup_progress")
    ((last,),) = transaction.rows("SELECT max(written) FROM requests WHERE written > ?", done)
    if last is None:
        return False
    later = "SELECT written FROM requests WHERE written > ? ORDER BY written LIMIT 1 OFFSET ?"
    rows = transaction.rows(later, done, BATCH_SIZE)
    until = rows[0][0] if rows else last
    for rollup in FOLLOWING:
        transaction.change(rollup.update, done, until)
    transaction.change("UPDATE rollup_progress SET written = ?", until)
    return bool(until < last)


class SumReader:
    """Reads sums of the log by some columns, from the table with the fewest rows that has these columns.

    :param sums: those that are read.
    """

    def __init__(
        self, transaction: Transaction, by: Sequence[str], chosen: Chosen, sums: Sequence[str] = SUM_COLUMNS
    ) -> None:
        self._transaction = transaction
        self._by = tuple(by)
        self._chosen = chosen
        self._sums = sums
        columns = {*by, *(name for name, _ in chosen)}
        self._rollup = next((rollup for rollup in ROLLUPS if columns <= {*rollup.keys}), None)

    def sums(self, start: int, end: int) -> Shares:
        names = "".join(f"{name}, " for name in self._by)
        groups = f" GROUP BY {', '.join(self._by)}" if self._by else ""
        found: Shares = {}
        for sql, values in self._parts(start, end):
            rows = self._transaction.rows(
                f"SELECT {names}{SUM_OF_HOURS}, sum({CENTS_OF_HOUR}) FROM ({sql}) AS part{groups}",  # noqa: S608
                *values,
            )
            for row in rows:
                group, sums = row[: len(self._by)], row[len(self._by) :]
                if sums[0] is not None:  # without groups there is a row of nothing, too
                    found[group] = [*map(add, found.get(group, [None] * len(sums)), sums)]
        return found

    def largest(self, start: int, end: int, order: str, limit: int) -> tuple[list[str], int]:
        """The names of the largest groups, and the number of all.  :param order: one of ORDERS."""
        (name,) = self._by
        parts = self._parts(start, end, most=True)
        union = " UNION ALL ".join(sql for sql, _ in parts)
        rows = self._transaction.rows(
            f"SELECT {name}, count(*) OVER () FROM (SELECT {name}, {ORDERS[order]} AS size"  # noqa: S608
            f" FROM ({union}) AS part GROUP BY {name}) AS sized"
            f" ORDER BY coalesce(size, 0) DESC, {name} LIMIT ?",
            *(value for _, values in parts for value in values),
            limit,
        )
        return [row[0] for row in rows], int(rows[0][1]) if rows else 0

    def _parts(self, start: int, end: int, *, most: bool = False) -> list[Query]:
        """The rows of a time: its whole hours from the hourly sums, if they have the columns.

        :param most: of all hours are read, which is quicker without the index.
        """
        first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
        if self._rollup is None or first >= last:
            return [self._of_requests(start, end)]
        parts = [self._of_hours(self._rollup, first, last, most=most)]
        if self._rollup.follows and self._oldest_missing < last:
            # In one statement: rows that move from one part to the other meanwhile count once.
            (sums, values), (missing, more) = parts[0], self._of_requests(first, last, missing=True)
            parts = [(f"{sums} UNION ALL {missing}", (*values, *more))]
        edges = ((start, first), (last, end))
        return parts + [self._of_requests(*edge) for edge in edges if edge[0] < edge[1]]

    @cached_property
    def _oldest_missing(self) -> float:
        """The arrival of the oldest row that is not in the sums yet."""
        sql = f"SELECT min(+at) FROM requests WHERE written > {PROGRESS}"  # noqa: S608
        ((at,),) = self._transaction.rows(sql)
        return float("inf") if at is None else float(at)

    def _of_hours(self, rollup: Rollup, start: int, end: int, *, most: bool) -> Query:
        wanted, values = conditions(self._chosen, {name: name for name in rollup.keys})
        columns = ", ".join((*self._by, *self._sums))
        hour = "+hour" if most else "hour"  # with the sign, it is not looked up in an index
        sql = f"SELECT {columns} FROM {rollup.table} WHERE {hour} >= ? AND {hour} < ?{wanted}"  # noqa: S608
        return sql, (start, end, *values)

    def _of_requests(self, start: int, end: int, *, missing: bool = False) -> Query:
        wanted, values = conditions(self._chosen, COLUMNS_OF_REQUESTS)
        columns = ", ".join(
            f"{expression} AS {name}"
            for name, expression in (
                *((name, COLUMNS_OF_REQUESTS[name]) for name in self._by),
                *((name, SHARE_OF_REQUEST[name]) for name in self._sums),
            )
        )
        # With the sign, the few rows are found by `written`.
        time = f"written > {PROGRESS} AND +at >= ? AND +at < ?" if missing else "at >= ? AND at < ?"
        return f"SELECT {columns} FROM requests WHERE {time}{wanted}", (start, end, *values)  # noqa: S608


def sums_for(order: str) -> list[str]:
    """Return the names in SUM_COLUMNS that an order needs."""
    return [name for name in SUM_COLUMNS if re.search(rf"\b{name}\b", ORDERS[order])]


def conditions(chosen: Chosen, columns: Mapping[str, str]) -> tuple[str, list[str]]:
    """The conditions as SQL, and their values.  :param columns: name -> expression."""
    sql = ""
    found: list[str] = []
    for name, value in chosen:
        values = (value,) if isinstance(value, str) else value
        sql += f" AND {columns[name]} IN ({', '.join('?' * len(values))})"
        found += values
    return sql, found
