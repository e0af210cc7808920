"""Backs up a store of either database as one file, and restores it.

The file is a SQLite database with the tables of this version.  Secrets in it are encrypted as in the store,
and the key is not in it.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from copilot_bridge.errors import InvalidRequest, StoreError
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.schema import MIGRATIONS
from copilot_bridge.store.sqlite import Sqlite
from copilot_bridge.store.unreleased_schema import FIRST_UNRELEASED_STEP

# Tables that are not backed up: short-lived rows, such as queues, and the list of migrations.
TRANSIENT_TABLES = {
    "tickets",
    "admissions",
    "next_admissions",
    "approvals",
    "budget_reservations",
    "migrations",
}
PAGE_SIZE = 2000  # rows
HEADER = b"SQLite format 3\0"


class BackupTable(Struct, frozen=True):
    name: str
    columns: tuple[str, ...]

    @property
    def order(self) -> str:
        """Return an order by all columns, so that pages neither overlap nor leave a row out."""
        return ", ".join(self.columns)


def tables() -> list[BackupTable]:
    """The tables to back up, as this version has them."""

    def read(transaction: Transaction) -> list[BackupTable]:
        names = transaction.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [
            BackupTable(name, tuple(transaction.columns(name)))
            for (name,) in names
            if name not in TRANSIENT_TABLES
        ]

    database = Sqlite(None)
    try:
        return database.read(read)
    finally:
        database.close()


def back_up(database: Database, path: Path) -> dict[str, int]:
    """Write a backup for its owner alone, whole or not at all.  Returns the number of rows of each table.

    :raises InvalidRequest: the file exists already.  :raises StoreError: it can't be read, or written.
    """
    if path.exists():
        raise InvalidRequest(f"{path} already exists: name a new file")
    try:
        with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".backup-") as folder:
            copy = Sqlite(Path(folder) / "copy.db")
            counts = database.run(lambda source: copy.run(lambda target: copy_rows(source, target)))
            copy.close()
            with closing(sqlite3.connect(copy.path or "")) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")  # a single file, with no journal beside it
            os.link(copy.path or "", path)
    except FileExistsError:
        raise InvalidRequest(f"{path} already exists: name a new file") from None
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror or error}") from error
    return counts


def restore(database: Database, path: Path) -> dict[str, int]:
    """Replace the whole content of the store with that of a backup, or change nothing.

    :raises InvalidRequest: the file is no backup, is damaged, or is of a newer version.  :raises StoreError:
    """
    with OpenedBackup(path) as copy:
        return database.run(lambda target: copy.read(lambda source: copy_rows(source, target)))


def summary(path: Path) -> dict[str, int]:
    """The number of rows of each table of a backup.  Raises InvalidRequest, StoreError."""
    with OpenedBackup(path) as copy:
        return copy.read(count_rows)


class OpenedBackup:
    """A temporary copy of a backup, with the tables of this version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix="copilot-bridge-")

    def __enter__(self) -> Sqlite:
        try:
            self._database = self._open()
        except BaseException:
            self._folder.cleanup()
            raise
        return self._database

    def _open(self) -> Sqlite:
        copy = Path(self._folder.name) / "copy.db"
        try:
            with self._path.open("rb") as file:
                if file.read(len(HEADER)) != HEADER:
                    raise InvalidRequest(f"{self._path} is not a backup of a store")
            shutil.copyfile(self._path, copy)
        except OSError as error:
            raise StoreError(f"can't read {self._path}: {error.strerror or error}") from error
        self._check(copy)
        return Sqlite(copy)

    def _check(self, copy: Path) -> None:
        """Refuse a file that this version can't read as a backup.  Raises InvalidRequest."""
        with closing(sqlite3.connect(copy)) as connection:
            try:
                ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
                steps = {name for (name,) in connection.execute("SELECT name FROM migrations")}
            except sqlite3.Error as error:
                raise InvalidRequest(f"{self._path} is not a complete backup of a store: {error}") from error
        if found != "ok":
            raise InvalidRequest(f"{self._path} is damaged: {found}")
        is_older = FIRST_UNRELEASED_STEP in steps
        if not is_older and steps - {name for name, _ in MIGRATIONS}:
            raise InvalidRequest(
                f"{self._path} was written by a newer version of the bridge: restore it with that version"
            )

    def __exit__(self, *_error: object) -> None:
        self._database.close()
        self._folder.cleanup()


def copy_rows(source: Transaction, target: Transaction) -> dict[str, int]:
    return {table.name: copy_table(source, target, table) for table in tables()}


def copy_table(source: Transaction, target: Transaction, table: BackupTable) -> int:
    target.execute(f"DELETE FROM {table.name}")  # noqa: S608
    number = 0
    for page in pages_of(source, table):
        target.insert(table.name, table.columns, page)
        number += len(page)
    return number


def pages_of(source: Transaction, table: BackupTable) -> Iterator[list[Row]]:
    columns = ", ".join(table.columns)
    sql = f"SELECT {columns} FROM {table.name} ORDER BY {table.order} LIMIT ? OFFSET ?"  # noqa: S608
    start = 0
    while page := source.rows(sql, PAGE_SIZE, start):
        yield page
        start += len(page)


def count_rows(source: Transaction) -> dict[str, int]:
    def count(table: BackupTable) -> int:
        ((number,),) = source.rows(f"SELECT count(*) FROM {table.name}")  # noqa: S608
        return int(number)

    return {table.name: count(table) for table in tables()}
