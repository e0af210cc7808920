"""One SQLite connection, which one transaction at a time uses.

A gevent worker runs the transactions in a thread, so that streams go on while the disk is slow or another
process is writing.
"""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from copilot_bridge.errors import StoreUnavailable

T = TypeVar("T")

RECONNECT_INTERVAL = 5.0  # seconds between two tries to open a database that could not be opened


class PendingTransaction:
    """A transaction under way.  `abandoned`: nobody waits for its result any more."""

    __slots__ = ("abandoned",)

    def __init__(self) -> None:
        self.abandoned = False


class SqliteConnection:
    """A connection that is opened when it is first needed.

    :param connect: opens it within so many seconds.  Raises sqlite3.Error, OSError.
    """

    def __init__(self, connect: Callable[[float], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._thread: Any = None
        self._busy_timeout = -1
        self._failed: tuple[float, Exception] | None = None

    def run(self, function: Callable[[sqlite3.Connection, PendingTransaction], T], timeout: float) -> T:
        """Run the function.  Raises StoreUnavailable: it took longer than `timeout`, and is not committed."""
        job = PendingTransaction()

        def perform() -> T:
            return function(self._opened(timeout), job)

        if under_gevent():
            return self._in_thread(perform, job, timeout)
        if not self._lock.acquire(timeout=timeout):
            raise too_slow(timeout)
        try:
            return perform()
        finally:
            self._lock.release()

    def _in_thread(self, perform: Callable[[], T], job: PendingTransaction, timeout: float) -> T:
        import gevent
        from gevent.threadpool import ThreadPool

        def attempt() -> tuple[T | None, Exception | None]:
            """Return the error instead of raising it, which gevent's threads would print."""
            try:
                return perform(), None
            except Exception as error:  # noqa: BLE001 - raised again in the greenlet that asked
                return None, error

        if self._thread is None:
            self._thread = ThreadPool(1)
        try:
            with gevent.Timeout(timeout, too_slow(timeout)):
                done, error = self._thread.spawn(attempt).get()
        except StoreUnavailable:
            job.abandoned = True
            raise
        if error is not None:
            raise error
        return cast(T, done)

    def _opened(self, timeout: float) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._try_to_connect(timeout)
            self._busy_timeout = -1
        milliseconds = int(timeout * 1000)
        if milliseconds != self._busy_timeout:
            self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
            self._busy_timeout = milliseconds
        return self._connection

    def _try_to_connect(self, timeout: float) -> sqlite3.Connection:
        if self._failed and 0 <= time.monotonic() - self._failed[0] < RECONNECT_INTERVAL:
            raise self._failed[1]
        try:
            connection = self._connect(timeout)
        except (sqlite3.Error, OSError) as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None
        return connection

    def close(self, timeout: float) -> None:
        """Close the connection once no transaction uses it, or SQLite would crash."""

        def close(connection: sqlite3.Connection, _job: PendingTransaction) -> None:
            self._connection = None
            connection.close()

        if self._connection is not None:
            with suppress(sqlite3.Error, StoreUnavailable):
                self.run(close, timeout)


def too_slow(timeout: float) -> StoreUnavailable:
    return StoreUnavailable(f"no response within {timeout:g} s")


def under_gevent() -> bool:
    """Return whether threads are greenlets, so that a blocking call blocks all of them."""
    monkey = sys.modules.get("gevent.monkey")
    return bool(monkey and monkey.is_module_patched("threading"))
