"""PostgreSQL, for several machines with one store.

psycopg waits through gevent, so a transaction does not block other greenlets; its pool keeps the connections.
All times are by the server's clock.
"""

import atexit
import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

from copilot_bridge.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable
from copilot_bridge.redaction import Secret
from copilot_bridge.store.deadline import SocketDeadline
from copilot_bridge.store.schema import migrate

try:
    import psycopg
    from psycopg_pool import ConnectionPool, PoolTimeout

    from copilot_bridge.store.postgres_transaction import Connection, PostgresTransaction, transact
except ImportError as error:  # the extra [postgres]
    raise ConfigError("PostgreSQL needs psycopg: pip install 'copilot-bridge[postgres]'") from error

log = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULT_TIMEOUT = 15.0  # seconds, where no request waits
LOCK_TIMEOUT = 90.0  # seconds; longer than any token exchange takes
LOCK_INTERVAL = 0.1  # seconds between two tries to get a lock
POOL_SIZE = 8
MAX_CONNECTION_AGE = 3600.0  # seconds; after it a moved server is noticed at the latest

# Settings of libpq, by which it notices that a server has disappeared.
LIBPQ_SETTINGS = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Settings of the server, by which it releases the locks of a bridge that has disappeared.
SERVER_SETTINGS = {
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class TimeLimit:
    """The time by which a use of the store has to end."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(self.end - time.monotonic(), 0.001)


class Postgres:
    """A PostgreSQL database.

    :param url: postgresql://user:password@host/database  :param size: the maximum number of connections.
    """

    persistent = True

    def __init__(self, url: Secret, size: int = POOL_SIZE) -> None:
        self._url = url
        self._size = size
        parts = urlsplit(url.reveal())
        self.location = f"postgresql://{parts.hostname or ''}{parts.path}"  # without the password
        self._pool: ConnectionPool[Connection] | None = None
        self._responded_at = float("-inf")
        self._migrated = False
        self._preparing = threading.Lock()

    def run(self, work: Callable[[PostgresTransaction], T], timeout: float | None = None) -> T:
        return self._use(lambda connection: transact(connection, work), timeout)

    def read(self, work: Callable[[PostgresTransaction], T], timeout: float | None = None) -> T:
        """Run `work` without BEGIN and COMMIT: each statement sees what has been committed when it begins."""
        return self._use(lambda connection: work(PostgresTransaction(connection)), timeout)

    def _use(self, use: Callable[[Connection], T], timeout: float | None) -> T:
        limit = TimeLimit(DEFAULT_TIMEOUT if timeout is None else timeout)
        try:
            self._migrate(limit)
            return self._once(use, limit)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _once(self, use: Callable[[Connection], T], limit: TimeLimit) -> T:
        """Use a connection of the pool.  Raises psycopg.Error, StoreUnavailable, StoreBusy."""
        pool = self._opened()
        try:
            connection = pool.getconn(timeout=limit.left)
        except PoolTimeout as error:
            raise self._too_late(limit) from error
        try:
            with SocketDeadline(connection.pgconn.socket, limit.left) as deadline:
                try:
                    done = use(connection)
                except psycopg.Error as error:
                    if deadline.expired:
                        raise self._too_late(limit) from error
                    raise
            self._responded_at = time.monotonic()
            return done
        finally:
            pool.putconn(connection)

    def _too_late(self, limit: TimeLimit) -> StoreError:
        """The error for a use that took too long.  While other uses succeed, the server is busy, not gone."""
        if self._responded_at >= limit.end - limit.seconds / 2:
            return StoreBusy(f"the store {self.location} is too busy")
        return StoreUnavailable(f"can't use the store {self.location}: it does not respond")

    def _migrate(self, limit: TimeLimit) -> None:
        if self._migrated:
            return
        if not self._preparing.acquire(timeout=limit.left):
            raise self._too_late(limit)
        try:
            if not self._migrated:
                self._once(lambda connection: transact(connection, migrate), limit)
                self._migrated = True
        finally:
            self._preparing.release()

    def _opened(self) -> ConnectionPool[Connection]:
        if self._pool is None:
            self._pool = ConnectionPool(
                self._url.reveal(),
                kwargs=settings(),
                min_size=1,
                max_size=self._size,
                open=False,
                check=check_idle,
                max_lifetime=MAX_CONNECTION_AGE,
                # A use that finds no connection starts a new attempt itself.
                reconnect_timeout=2.0,
                name="store",
            )
            self._pool.open()
            atexit.register(self.close)  # or Python would wait for its threads at exit
        return self._pool

    def _connect(self) -> Connection:
        """Open a connection outside the pool."""
        return psycopg.connect(self._url.reveal(), **settings())  # type: ignore[arg-type,unused-ignore]

    @contextmanager
    def lock(self, name: str, timeout: float | None = None) -> Iterator[None]:
        """A lock for the block, which the server releases if its holder dies.

        Where the lock can't be had, the block runs without it.
        """
        connection = self._locked(name, time.monotonic() + (LOCK_TIMEOUT if timeout is None else timeout))
        try:
            yield
        finally:
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()  # and with it the lock

    def _locked(self, name: str, deadline: float) -> Connection | None:
        connection = None
        try:
            connection = self._connect()
            while not self._has_locked(connection, name):
                if time.monotonic() >= deadline:
                    raise psycopg.OperationalError("others have been holding it for too long")
                time.sleep(LOCK_INTERVAL)
        except psycopg.Error as error:
            log.warning("can't lock %s in the database: %s", name, one_line(error))
            if connection is not None:
                connection.close()
            return None
        return connection

    def _has_locked(self, connection: Connection, name: str) -> bool:
        """Try to take the lock.  Repeated tries, instead of a wait, notice a server that has disappeared."""
        with SocketDeadline(connection.pgconn.socket, LIBPQ_SETTINGS["connect_timeout"]):
            rows = connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)
            ).fetchall()
        return bool(rows[0][0])

    def check(self) -> str | None:
        def look(transaction: PostgresTransaction) -> None:
            transaction.advisory_lock("check")
            transaction.change("DELETE FROM notes WHERE name = 'check'")
            transaction.change("INSERT INTO notes (name, value) VALUES ('check', '')")

        try:
            self.run(look)
        except StoreError as error:
            return str(error)
        return None

    def checkpoint(self) -> None: ...  # there is no file to copy

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            atexit.unregister(self.close)
            pool.close(timeout=1.0)

    def _failure(self, error: psycopg.Error) -> StoreError:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        kind = StoreUnavailable if lost else StoreError
        return kind(f"can't use the store {self.location}: {one_line(error)}")


def settings() -> dict[str, object]:
    options = " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())
    return {**LIBPQ_SETTINGS, "autocommit": True, "options": options}


def check_idle(connection: Connection) -> None:
    """Check an idle connection without a query: the only thing that a server sends on one is its end.

    :raises psycopg.OperationalError: it has ended.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
    if poll.poll(0):
        connection.close()
        raise psycopg.OperationalError("the connection has ended")


def one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
