"""Transactions of PostgreSQL, with few round trips to the server."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from typing import LiteralString, TypeVar

import psycopg

from copilot_bridge.store.database import Query, Row

T = TypeVar("T")
Connection = psycopg.Connection[Row]

BATCH_SIZE = 100  # rows per statement

NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
COLUMNS = (
    "SELECT column_name::text FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position"
)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(?, 1))"


class PostgresTransaction:
    """A transaction that sends statements without a result together with the next one that has a result.

    A message of several statements costs hardly more than a message of one.

    :param begun: statements to send first.
    """

    def __init__(self, connection: Connection, *begun: str) -> None:
        self._cursor = psycopg.ClientCursor(connection)
        self._pending = list(begun)

    def rows(self, sql: str, *values: object) -> list[Row]:
        (found,) = self._ask((sql, values))
        return found

    def execute(self, sql: str, *values: object) -> None:
        self._pending.append(self._cursor.mogrify(with_percent_placeholders(sql), values))

    def change(self, sql: str, *values: object) -> int:
        self.execute(sql, *values)
        self.send()
        while self._cursor.nextset():
            pass
        return self._cursor.rowcount

    def change_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        for row in values:
            self.execute(sql, *row)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        row = f"({', '.join('?' * len(columns))})"
        for start in range(0, len(rows), BATCH_SIZE):
            some = rows[start : start + BATCH_SIZE]
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * len(some))}"  # noqa: S608
            self.execute(sql, *chain.from_iterable(some))

    def columns(self, table: str) -> list[str]:
        return [name for (name,) in self.rows(COLUMNS, table)]

    def now(self) -> float:
        ((now,),) = self.rows(NOW)
        return float(now)

    def advisory_lock(self, name: str) -> None:
        self.execute(LOCK, name)

    def lock_and_query(self, name: str, *queries: Query) -> tuple[float, list[list[Row]]]:
        """Each query sees what was committed before it begins, also while this one waited for the lock."""
        self.advisory_lock(name)
        (((now,),), *found) = self._ask((NOW, ()), *queries)
        return float(now), found

    def _ask(self, *queries: Query) -> list[list[Row]]:
        """The rows of each query."""
        skipped = len(self._pending)
        for sql, values in queries:
            self.execute(sql, *values)
        self.send()
        for _ in range(skipped):
            self._cursor.nextset()
        found = [self._cursor.fetchall()]
        while self._cursor.nextset():
            found.append(self._cursor.fetchall())
        return found

    def send(self) -> None:
        """Send the pending statements.  Afterwards the cursor is at the result of the first one."""
        pending, self._pending = self._pending, []
        if pending:
            self._cursor.execute("; ".join(pending))  # type: ignore[arg-type,unused-ignore]


def with_percent_placeholders(sql: str) -> LiteralString:
    """The statement, one of our constants, with the placeholders of psycopg."""
    return sql.replace("?", "%s")  # type: ignore[return-value,unused-ignore]


def transact(connection: Connection, work: Callable[[PostgresTransaction], T]) -> T:
    transaction = PostgresTransaction(connection, "BEGIN")
    try:
        done = work(transaction)
        transaction.execute("COMMIT")
        transaction.send()
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        raise
    return done
