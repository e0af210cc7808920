"""What a database has to be able to do.  The same statements run on each, in the SQL that they share.

Types that mean the same everywhere: TEXT, BIGINT, DOUBLE PRECISION.  Placeholders are question marks.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Row = tuple[Any, ...]
Query = tuple[str, tuple[object, ...]]  # SQL, its values


class Transaction(Protocol):
    """All of it happens, or nothing."""

    def rows(self, sql: str, *values: object) -> list[Row]: ...
    def change(self, sql: str, *values: object) -> int:
        """How many rows it was."""

    def change_many(self, sql: str, values: Sequence[Sequence[object]]) -> None: ...
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None: ...
    def columns(self, table: str) -> list[str]:
        """Their names, in order; none: there is no such table."""

    def now(self) -> float:
        """Unix seconds, by the clock that all who share the database go by."""

    def execute(self, sql: str, *values: object) -> None:
        """A change of which nothing is to be known, so that nobody waits for it before the end."""

    def advisory_lock(self, name: str) -> None:
        """Until the end of the transaction nobody else is in one that asked for the same name."""

    def lock_and_query(self, name: str, *queries: Query) -> tuple[float, list[list[Row]]]:
        """`alone`, and then in one go `now()` and the rows of each query."""


class Database(Protocol):
    """`timeout`: seconds after which the caller goes on, whatever the database does; None: the database's own
    limits hold.

    :raises StoreUnavailable: it is out of reach, locked by others, or was too slow.
    :raises StoreBusy: too many use it at the same time.
    :raises StoreError: whatever else is wrong with it.
    """

    location: str  # for people
    persistent: bool  # what is written outlives the process

    def run(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        """What `work` returns, in a transaction of its own.  It may only use the transaction: it may run
        in another thread, and more than once.
        """

    def read(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        """The same for work that only reads: no lock of a writer is taken or waited for."""

    def lock(self, name: str, timeout: float | None = None) -> AbstractContextManager[object]:
        """Held by one at a time, whoever shares the database; without it, if it can't be had."""

    def checkpoint(self) -> None:
        """What is committed is whole in the main file now, for whoever copies it alone; as far as that can
        be had at once.
        """

    def check(self) -> str | None:
        """What is wrong with it, if anything.  Takes its time."""

    def close(self) -> None: ...
