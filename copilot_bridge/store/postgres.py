"""PostgreSQL, for those who run several machines.

psycopg waits as gevent does, so a transaction keeps nobody else waiting.  Who goes by whose clock is decided
by the server's.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit

from copilot_bridge.errors import ConfigError, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store.database import Row
from copilot_bridge.store.schema import migrate

try:
    import psycopg
except ImportError as error:  # the extra [postgres]
    raise ConfigError("PostgreSQL needs psycopg: pip install 'copilot-bridge[postgres]'") from error

log = logging.getLogger(__name__)

T = TypeVar("T")
Connection = psycopg.Connection[Row]

CONNECT_PATIENCE = 5  # s
LOCK_PATIENCE = 90  # s; as long as a token is fetched at the most
STATEMENT_PATIENCE = 15  # s
IDLE = 8  # connections that are kept


class PostgresTransaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(spelled(sql), values).fetchall()

    def change(self, sql: str, *values: object) -> int:
        return self._connection.execute(spelled(sql), values or None).rowcount

    def change_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(spelled(sql), values)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """One after the other, but without waiting for each."""
        values = f"({', '.join('?' * len(columns))})"
        self.change_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}", rows)  # noqa: S608

    def now(self) -> float:
        ((now,),) = self.rows("SELECT extract(epoch FROM clock_timestamp())::double precision")
        return float(now)

    def alone(self, name: str) -> None:
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended(?, 1))", name)


def spelled(sql: str) -> LiteralString:
    """The statements are constants of ours."""
    return sql.replace("?", "%s")  # type: ignore[return-value,unused-ignore]


class Postgres:
    """:param url: postgresql://user:password@host/database"""

    lasting = True

    def __init__(self, url: Secret) -> None:
        self._url = url
        parts = urlsplit(url.reveal())
        self.place = f"postgresql://{parts.hostname or ''}{parts.path}"  # without the password
        self._idle: list[Connection] = []
        self._ready = False
        self._preparing = threading.Lock()

    def run(self, work: Callable[[PostgresTransaction], T]) -> T:
        try:
            self._prepare()
            return self._once(work)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._idle_is_stale(error):
                return self._again(work)
            raise self._failure(error) from error
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _again(self, work: Callable[[PostgresTransaction], T]) -> T:
        """The server was started anew: what was open to it is gone."""
        self.close()
        try:
            return self._once(work)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _idle_is_stale(self, error: psycopg.Error) -> bool:
        return error.sqlstate in (None, "57P01", "57P02") and self._ready

    def _once(self, work: Callable[[PostgresTransaction], T]) -> T:
        with self._connection() as connection, connection.transaction():
            return work(PostgresTransaction(connection))

    def _prepare(self) -> None:
        if not self._ready:
            with self._preparing:
                if not self._ready:
                    self._once(migrate)
                    self._ready = True

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            yield connection
        except BaseException:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()
            raise
        finally:
            if not connection.closed and len(self._idle) < IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    def _connect(self) -> Connection:
        options = f"-c statement_timeout={STATEMENT_PATIENCE}s"
        return psycopg.connect(
            self._url.reveal(), autocommit=True, connect_timeout=CONNECT_PATIENCE, options=options
        )

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """The server takes it from a holder that dies.  Without it, if it can't be had."""
        connection = self._locked(name)
        try:
            yield
        finally:
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()  # and with it the lock

    def _locked(self, name: str) -> Connection | None:
        connection = None
        try:
            connection = self._connect()
            connection.execute(spelled(f"SET statement_timeout = '{LOCK_PATIENCE}s'"))
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        except psycopg.Error as error:
            log.warning("can't lock %s in the database: %s", name, one_line(error))
            if connection is not None:
                connection.close()
            return None
        return connection

    def check(self) -> str | None:
        def look(transaction: PostgresTransaction) -> None:
            transaction.alone("check")
            transaction.change("DELETE FROM notes WHERE name = 'check'")
            transaction.change("INSERT INTO notes (name, value) VALUES ('check', '')")

        try:
            self.run(look)
        except StoreError as error:
            return str(error)
        return None

    def close(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _failure(self, error: Exception) -> StoreError:
        return StoreError(f"can't use the store {self.place}: {one_line(error)}")


def one_line(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__
