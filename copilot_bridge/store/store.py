"""The store: one object for each kind of data that is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_bridge.redaction import Secret
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.shared_memory.shared_times import SharedTimes
from copilot_bridge.store.database import Database
from copilot_bridge.store.encryption import Encryptor
from copilot_bridge.store.files import JsonFiles
from copilot_bridge.store.guarded_database import GuardedDatabase, Outage
from copilot_bridge.store.key_values import KeyValueStore
from copilot_bridge.store.keys import Keys
from copilot_bridge.store.logins import Logins
from copilot_bridge.store.sqlite import Sqlite

if TYPE_CHECKING:
    from copilot_bridge.store.approvals import ApprovalTable
    from copilot_bridge.store.budgets import BudgetTable
    from copilot_bridge.store.cooldowns import CooldownTable
    from copilot_bridge.store.lessons import LessonTable
    from copilot_bridge.store.rate_limits import RateLimitTable
    from copilot_bridge.store.request_log import RequestLog
    from copilot_bridge.store.request_log_writer import RequestLogWriter
    from copilot_bridge.store.response_chains import ResponseChainTable
    from copilot_bridge.store.usage import UsageTable

DATABASE = "bridge.db"
TIMEOUT = 1.5  # seconds


@dataclass(frozen=True)
class Store:
    """The kinds of data.  Their methods do the I/O, and may raise StoreError; opening a store does none."""

    database: Database
    encryptor: Encryptor
    files: JsonFiles | None = None  # in the data directory; None: no file is read or written
    timeout: float = TIMEOUT
    shared: bool = False  # with other machines

    @cached_property
    def _guard(self) -> GuardedDatabase:
        """The database with deadlines, for the uses that a request waits for."""
        return GuardedDatabase(self.database, self.timeout)

    @property
    def outage(self) -> Outage | None:
        """The present outage of the store, if there is one."""
        return self._guard.outage

    def on_outage_change(self, listener: Callable[[], object]) -> None:
        """Call `listener` in a thread of the store whenever `outage` changes."""
        self._guard.on_outage_change(listener)

    @cached_property
    def logins(self) -> Logins:
        return Logins(self._guard, self.encryptor, self.files)

    @cached_property
    def key_values(self) -> KeyValueStore:
        return KeyValueStore(self._guard, self.encryptor)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self._guard, self.changes, self.files, shared=self.shared)

    @cached_property
    def rate_limits(self) -> "RateLimitTable":
        from copilot_bridge.store.rate_limits import RateLimitTable

        return RateLimitTable(self._guard)

    @cached_property
    def budgets(self) -> "BudgetTable":
        from copilot_bridge.store.budgets import BudgetTable

        return BudgetTable(self._guard)

    @property
    def settlements_folder(self) -> Path | None:
        """The directory for costs that could not be written to the store; None: they are not kept."""
        return self.files.home / "settlements" if self.files else None

    @cached_property
    def cooldowns(self) -> "CooldownTable":
        from copilot_bridge.store.cooldowns import CooldownTable

        return CooldownTable(self._guard)

    @cached_property
    def request_log(self) -> "RequestLog":
        from copilot_bridge.store.request_log import RequestLog

        return RequestLog(self._guard.background)

    @cached_property
    def usage(self) -> "UsageTable":
        from copilot_bridge.store.usage import UsageTable

        return UsageTable(self._guard.background)

    @cached_property
    def lessons(self) -> "LessonTable":
        from copilot_bridge.store.lessons import LessonTable

        return LessonTable(self._guard)

    def request_log_writer(self, days: int, max_rows: int) -> "RequestLogWriter":
        """The writer of the request log, of which a process needs one."""
        from copilot_bridge.store.request_log_writer import RequestLogWriter

        folder = self.files.home / "spool" if self.files else None
        return RequestLogWriter(self.request_log, folder, days=days, max_rows=max_rows, watched=self.watched)

    @cached_property
    def watched(self) -> SharedTimes:
        """The time at which somebody last looked at the running requests."""
        return SharedTimes(self.files.home / "watched" if self.files else None)

    def response_chains(self, max_bytes: int, ttl: float) -> "ResponseChainTable":
        """The conversations that later requests may continue.

        :param max_bytes: of all of them.  :param ttl: seconds.
        """
        from copilot_bridge.store.response_chains import ResponseChainTable

        return ResponseChainTable(self._guard, self.encryptor, max_bytes=max_bytes, ttl=ttl)

    @cached_property
    def approvals(self) -> "ApprovalTable":
        from copilot_bridge.store.approvals import ApprovalTable

        return ApprovalTable(self._guard, self.encryptor, self.changes)

    @cached_property
    def attempts(self) -> SharedTimes:
        return SharedTimes(self.files.home / "tries" if self.files else None)

    @cached_property
    def last_uses(self) -> SharedTimes:
        """The time of each account's last request."""
        return SharedTimes(self.files.home / "uses" if self.files else None)

    @cached_property
    def changes(self) -> ChangeCounter:
        return ChangeCounter(self.files.home / "changes" if self.files else None)

    def back_up(self, path: Path) -> dict[str, int]:
        """Write all data to one file.  Raises InvalidRequest, StoreError."""
        from copilot_bridge.store.backup import back_up  # the server makes none

        return back_up(self.database, path)

    def restore(self, path: Path) -> dict[str, int]:
        """Replace all data by those of a backup.  Raises InvalidRequest, StoreError."""
        from copilot_bridge.store.backup import restore, summary

        if summary(path).get("keys"):
            self.keys.require()
        counts = restore(self.database, path)
        self.changes.bump()
        return counts

    def undecryptable_logins(self) -> list[str]:
        """The logins that the key of this store can't decrypt.  Raises StoreError, ConfigError."""
        rows = self.database.read(
            lambda transaction: transaction.rows("SELECT login, token FROM logins ORDER BY login")
        )
        return [login for login, token in rows if self.encryptor.decrypt(token) is None]

    def close(self) -> None:
        self.database.close()


def open_store(
    home: Path,
    *,
    path: Path | None = None,
    persistent: bool = True,
    key: Secret | None = None,
    url: Secret | None = None,
    connections: int = 8,
    timeout: float = TIMEOUT,
) -> Store:
    """Open the store in SQLite, in PostgreSQL, or in memory.

    :param path: the SQLite file, if it is not in `home`.  :param persistent: False: in memory only.
    :param url: a PostgreSQL database to use instead.  :param connections: the maximum number to it.
    :param timeout: seconds that a request waits for the store.
    """
    key = key or Secret()
    if not persistent:
        return Store(Sqlite(None), Encryptor(key, None, {}), timeout=timeout)
    if url:
        from copilot_bridge.store.postgres import Postgres  # an optional dependency

        return Store(
            Postgres(url, connections),
            Encryptor(key, home, shared=True),
            JsonFiles(home),
            timeout,
            shared=True,
        )
    database = path or home / DATABASE
    if database.is_dir():
        database = database / DATABASE
    return Store(Sqlite(database), Encryptor(key, database.parent), JsonFiles(home), timeout)
