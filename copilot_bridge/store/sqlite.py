"""SQLite: a file in the data directory, or nothing but memory.

One connection for the process, one short transaction at a time.  A gevent worker sends each to a thread
of its own: while the disk takes its time, or another process is writing, the streams go on.
"""

import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from copilot_bridge.errors import StoreError
from copilot_bridge.store.database import Row
from copilot_bridge.store.files import Files
from copilot_bridge.store.schema import migrate

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 15.0  # s; no transaction of ours is under way for more than a moment
PAUSE = 5.0  # s between two tries to open a database that could not be opened

# Rows; few sizes, so that each statement is read once.  Some SQLites take no more than 999 values.
AT_ONCE = (32, 4, 1)

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A killed process loses nothing; only a power cut may cost the last moments, and never the database.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_size_limit = 16777216",
)


class SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def change_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        self._connection.executemany(sql, values)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Many rows by one statement: for each statement Python's lock changes hands twice, which in a busy
        worker takes several times as long as the work.
        """
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608
        row = f"({', '.join('?' * len(columns))})"
        done = 0
        for size in AT_ONCE:
            sql = head + ", ".join([row] * size)
            while len(rows) - done >= size:
                self._connection.execute(sql, [*chain.from_iterable(rows[done : done + size])])
                done += size

    def now(self) -> float:
        return self._clock()

    def alone(self, _name: str) -> None:
        """A transaction that may write is alone anyway."""


class Sqlite:
    """:param path: None: in memory, for this process alone."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.place = str(path or "memory only")
        self.lasting = path is not None
        self._clock = clock
        self._files = Files(path.parent) if path else None
        self._connection: sqlite3.Connection | None = None
        self._opening = threading.Lock()
        self._at_work = threading.Lock()
        self._memory_locks: dict[str, Any] = {}
        self._thread: Any = None
        self._failed: tuple[float, StoreError] | None = None

    def run(self, work: Callable[[SqliteTransaction], T]) -> T:
        connection = self._open()
        transaction = SqliteTransaction(connection, self._clock)
        try:
            return self._alone(partial(transact, connection, transaction, work))
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError):
                self._give_up(connection)  # damaged: the next one looks whether it has been put right
            raise self._failure(error) from error

    def _alone(self, function: Callable[[], T]) -> T:
        """While nobody else uses the connection."""
        if not under_gevent():
            with self._at_work:
                return function()
        from gevent.threadpool import ThreadPool

        if self._thread is None:
            self._thread = ThreadPool(1)
        done: T = self._thread.apply(function)
        return done

    def _open(self) -> sqlite3.Connection:
        with self._opening:
            if self._connection is None:
                if self._failed and 0 <= time.monotonic() - self._failed[0] < PAUSE:
                    raise self._failed[1]
                try:
                    self._connection = self._opened()
                    self._failed = None
                except (sqlite3.Error, OSError) as error:
                    failure = self._failure(error)
                    self._failed = (time.monotonic(), failure)
                    raise failure from error
            return self._connection

    def _opened(self) -> sqlite3.Connection:
        if self.path is None or self._files is None:
            return prepared(connect(":memory:"), self._clock)
        self._files.make()
        # 0600 from its first moment; its journals take over its mode.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with self._files.lock("store"):
            return prepared(connect(str(self.path)), self._clock)

    def lock(self, name: str) -> AbstractContextManager[object]:
        if self._files is not None:
            return self._files.lock(name)
        return memory_lock(self._memory_locks, name)

    def check(self) -> str | None:
        """Reads all of it, and writes a little."""

        def look(transaction: SqliteTransaction) -> str | None:
            ((found,),) = transaction.rows("PRAGMA quick_check(1)")
            transaction.change("DELETE FROM notes WHERE name = 'check'")
            transaction.change("INSERT INTO notes (name, value) VALUES ('check', ?)", "x" * 20_000)
            transaction.change("DELETE FROM notes WHERE name = 'check'")
            return None if found == "ok" else str(found)

        try:
            return self.run(look)
        except StoreError as error:
            return str(error)

    def close(self) -> None:
        if self._connection is not None:
            self._give_up(self._connection)

    def _give_up(self, connection: sqlite3.Connection) -> None:
        """SQLite would not survive it if somebody was at work with it."""
        with self._opening:
            if self._connection is connection:  # and not a later one
                self._connection = None
        with suppress(sqlite3.Error):
            self._alone(connection.close)

    def _failure(self, error: Exception) -> StoreError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return StoreError(f"can't use the store {self.place}: {reason}{advice(reason)}")


ADVICE = {
    "not a database": "; move it away to begin a new one",
    "malformed": "; move it away to begin a new one",
    "locked": "; another program has been holding it for too long",
}


def advice(reason: str) -> str:
    return next((told for words, told in ADVICE.items() if words in reason), "")


def connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


def prepared(connection: sqlite3.Connection, clock: Callable[[], float]) -> sqlite3.Connection:
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        transact(connection, SqliteTransaction(connection, clock), migrate)
    except BaseException:
        connection.close()
        raise
    return connection


def transact(
    connection: sqlite3.Connection, transaction: SqliteTransaction, work: Callable[[SqliteTransaction], T]
) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = work(transaction)
    except BaseException:
        with suppress(sqlite3.Error):  # some errors have rolled back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return done


@contextmanager
def memory_lock(locks: dict[str, Any], name: str) -> Iterator[None]:
    with locks.setdefault(name, threading.RLock()):
        yield


def under_gevent() -> bool:
    """Threads are greenlets here, and whoever blocks blocks them all."""
    monkey = sys.modules.get("gevent.monkey")
    return bool(monkey and monkey.is_module_patched("threading"))
