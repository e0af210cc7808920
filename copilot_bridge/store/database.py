"""The interface of a database.  Both run the same statements, in the SQL that they share.

Types that mean the same in both: TEXT, BIGINT, DOUBLE PRECISION.  Placeholders are question marks.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Row = tuple[Any, ...]
Query = tuple[str, tuple[object, ...]]  # SQL, its values


class Transaction(Protocol):
    """Statements that take effect together, or not at all."""

    def rows(self, sql: str, *values: object) -> list[Row]: ...
    def change(self, sql: str, *values: object) -> int:
        """Run a statement.  Returns the number of rows that it changed."""

    def change_many(self, sql: str, values: Sequence[Sequence[object]]) -> None: ...
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None: ...
    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in order; none: there is no such table."""

    def now(self) -> float:
        """Unix seconds, by the one clock that all users of the database share."""

    def execute(self, sql: str, *values: object) -> None:
        """Run a statement whose result is not needed.

        It may be sent later, up to the end of the transaction.
        """

    def advisory_lock(self, name: str) -> None:
        """Take a named exclusive lock until the end of the transaction."""

    def lock_and_query(self, name: str, *queries: Query) -> tuple[float, list[list[Row]]]:
        """Take an advisory lock, and return `now()` and the rows of each query, in one round trip."""


class Database(Protocol):
    """A store's database.

    `timeout`: seconds after which the caller continues, whatever the database does; None: the database's own
    limits apply.

    :raises StoreUnavailable: it is out of reach, locked by others, or too slow.
    :raises StoreBusy: too many use it at the same time.
    :raises StoreError: any other fault.
    """

    location: str  # for messages
    persistent: bool  # its content outlives the process

    def run(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        """Run `work` in a transaction of its own, and return its result.

        It may use nothing but the transaction: it may run in another thread, and more than once.
        """

    def read(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        """Run `work` that only reads.  It neither takes a writer's lock nor waits for one."""

    def lock(self, name: str, timeout: float | None = None) -> AbstractContextManager[object]:
        """A lock for the block, held by one user of the database at a time.

        Where the lock can't be had, the block runs without it.
        """

    def checkpoint(self) -> None:
        """Bring what is committed into the main file, for tools that copy that file alone.

        A part that others still use stays in the journal.
        """

    def check(self) -> str | None:
        """The fault of the database, if there is one.  This reads all of it."""

    def close(self) -> None: ...
