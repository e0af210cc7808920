"""SQLite: a file in the data directory, or memory alone.

Two connections for the process, one that writes and one that reads: in WAL mode a reader waits for nobody,
so another program's write lock holds up only those who have something to write.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from copilot_bridge.errors import StoreError, StoreUnavailable
from copilot_bridge.private_files import make_directory
from copilot_bridge.store.database import Query, Row
from copilot_bridge.store.files import JsonFiles
from copilot_bridge.store.schema import is_current, migrate
from copilot_bridge.store.sqlite_connection import PendingTransaction, SqliteConnection

log = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULT_TIMEOUT = 15.0  # seconds; other transactions of the bridge are much shorter

CHECKPOINT_TIMEOUT = 1.0  # seconds; a checkpoint can wait
PRIMARY_CODE = 0xFF  # the bits of SQLite's error code that hold its kind

# Rows per statement.  A few fixed sizes, so that SQLite parses each statement once.  Old versions take no
# more than 999 values.
BATCH_SIZES = (32, 4, 1)

# The file keeps this setting; the next ones belong to a connection.
USE_WAL = "PRAGMA journal_mode = WAL"
# A killed process loses nothing.  A power failure may cost the last transactions, but not the database.
SETTINGS = "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216"


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
        """Insert many rows by each statement.

        For each statement, Python's lock changes hands twice, which takes several times as long as the work
        in a busy worker.
        """
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608
        row = f"({', '.join('?' * len(columns))})"
        done = 0
        for size in BATCH_SIZES:
            sql = head + ", ".join([row] * size)
            while len(rows) - done >= size:
                self._connection.execute(sql, [*chain.from_iterable(rows[done : done + size])])
                done += size

    def columns(self, table: str) -> list[str]:
        return [name for _, name, *_ in self.rows(f"PRAGMA table_info({table})")]

    def now(self) -> float:
        return self._clock()

    def execute(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    def advisory_lock(self, _name: str) -> None:
        """Do nothing: SQLite runs one writing transaction at a time."""

    def lock_and_query(self, _name: str, *queries: Query) -> tuple[float, list[list[Row]]]:
        return self._clock(), [self.rows(sql, *values) for sql, values in queries]


class FileIdentity(Struct, frozen=True):
    """The identity of a file and its journal, as device and inode; None: the file does not exist."""

    database: tuple[int, int] | None
    journal: tuple[int, int] | None

    @classmethod
    def of(cls, path: Path) -> "FileIdentity":
        return cls(inode(path), inode(journal_of(path)))


class Sqlite:
    """A SQLite database.

    :param path: None: in memory, for this process alone.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.location = str(path or "memory only")
        self.persistent = path is not None
        self._clock = clock
        self._files = JsonFiles(path.parent) if path else None
        self._memory_locks: dict[str, Any] = {}
        self._identity: FileIdentity | None = None
        self._writer = SqliteConnection(self._connect)
        self._reader = SqliteConnection(self._connect) if path else self._writer

    def run(self, work: Callable[[SqliteTransaction], T], timeout: float | None = None) -> T:
        return self._transact(self._writer, "BEGIN IMMEDIATE", work, timeout)

    def read(self, work: Callable[[SqliteTransaction], T], timeout: float | None = None) -> T:
        return self._transact(self._reader, "BEGIN", work, timeout)

    def _transact(
        self,
        channel: SqliteConnection,
        begin: str,
        work: Callable[[SqliteTransaction], T],
        timeout: float | None,
    ) -> T:
        def perform(connection: sqlite3.Connection, job: PendingTransaction) -> T:
            return transact(connection, SqliteTransaction(connection, self._clock), work, begin, job)

        if self._was_replaced():
            self._reopen()
        try:
            return channel.run(perform, DEFAULT_TIMEOUT if timeout is None else timeout)
        except StoreUnavailable as error:
            raise self._failure(error) from error
        except (sqlite3.Error, OSError) as error:
            if not isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError | OSError):
                channel.close(
                    DEFAULT_TIMEOUT
                )  # damaged: the next use opens the file again, in case it was repaired
            raise self._failure(error) from error

    def _connect(self, timeout: float) -> sqlite3.Connection:
        try:
            return self._open(timeout)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_IOERR:
                raise
        # Another process has closed the file that was here before, and removed this one's journal.
        return self._open(timeout)

    def _open(self, timeout: float) -> sqlite3.Connection:
        if self.path is None or self._files is None:
            connection = connect(":memory:", timeout)
            prepare(connection, self._clock)
            return connection
        make_directory(self.path.parent)
        # Made as 0600; SQLite gives its journals the same mode.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = connect(str(self.path), timeout)
        try:
            if not self._is_prepared(connection):
                with self._files.lock("store", timeout):
                    prepare(connection, self._clock)
            connection.executescript(SETTINGS)
        except BaseException:
            connection.close()
            raise
        self._identity = FileIdentity.of(self.path)
        return connection

    def _is_prepared(self, connection: sqlite3.Connection) -> bool:
        """Return whether the tables are up to date, without a lock: a start must not wait for writers."""
        ((mode,),) = connection.execute("PRAGMA journal_mode").fetchall()
        current = transact(connection, SqliteTransaction(connection, self._clock), is_current, "BEGIN")
        return mode == "wal" and current

    def _was_replaced(self) -> bool:
        """Return whether the file has been deleted or replaced by another one."""
        return (
            self.path is not None
            and self._identity is not None
            and inode(self.path) != self._identity.database
        )

    def _reopen(self) -> None:
        """Use the file that is there now, without the journal of the previous one, which would damage it."""
        assert self.path
        before, self._identity = self._identity, None
        self.close()
        exists = inode(self.path) is not None
        log.warning(
            "the store %s was %s while the bridge is running; continuing with %s",
            self.path,
            "replaced" if exists else "deleted",
            "the new file" if exists else "a new, empty one",
        )
        if before and before.journal and inode(journal_of(self.path)) == before.journal:
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def lock(self, name: str, timeout: float | None = None) -> AbstractContextManager[object]:
        if self._files is not None:
            return self._files.lock(name, timeout)
        return memory_lock(self._memory_locks, name)

    def checkpoint(self) -> None:
        """Bring the part of the journal that no reader needs into the file, without waiting."""

        def checkpoint(connection: sqlite3.Connection, _job: PendingTransaction) -> None:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

        if self.path is not None:
            with suppress(sqlite3.Error, OSError, StoreUnavailable):
                self._writer.run(checkpoint, CHECKPOINT_TIMEOUT)

    def check(self) -> str | None:
        """Read all of the database, and write a little."""

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
        for channel in {self._reader, self._writer}:
            channel.close(DEFAULT_TIMEOUT)

    def _failure(self, error: Exception) -> StoreError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        kind = StoreUnavailable if is_transient(error) else StoreError
        return kind(f"can't use the store {self.location}: {reason}{advice(reason)}")


def is_transient(error: Exception) -> bool:
    """Return whether others hold the database and will release it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, StoreUnavailable) or code in TRANSIENT


# Not a full or read-only disk: it fails at once, and reads may still succeed.
TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


ADVICE = {
    "not a database": "; move it away to begin with a new one",
    "malformed": "; move it away to begin with a new one",
    "locked": "; another program has been holding it for too long",
}


def advice(reason: str) -> str:
    return next((text for words, text in ADVICE.items() if words in reason), "")


def connect(path: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def prepare(connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
    connection.execute(USE_WAL)
    transact(connection, SqliteTransaction(connection, clock), migrate)


def transact(
    connection: sqlite3.Connection,
    transaction: SqliteTransaction,
    work: Callable[[SqliteTransaction], T],
    begin: str = "BEGIN IMMEDIATE",
    job: PendingTransaction | None = None,
) -> T:
    """Run `work` in a transaction.  Raises StoreUnavailable: rolled back, as the caller waits no longer."""
    connection.execute(begin)
    try:
        done = work(transaction)
        if job and job.abandoned:
            raise StoreUnavailable("it took too long")
    except BaseException:
        with suppress(sqlite3.Error):  # some errors have already rolled back
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return done


@contextmanager
def memory_lock(locks: dict[str, Any], name: str) -> Iterator[None]:
    with locks.setdefault(name, threading.RLock()):
        yield
