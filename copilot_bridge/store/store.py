"""Everything that is kept, in one place."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from copilot_bridge.redaction import Secret
from copilot_bridge.store.approvals import ApprovalTable
from copilot_bridge.store.chains import ChainTable
from copilot_bridge.store.database import Database
from copilot_bridge.store.files import Files
from copilot_bridge.store.journal import Journal
from copilot_bridge.store.keys import Keys
from copilot_bridge.store.logins import Logins
from copilot_bridge.store.pace import PaceTable
from copilot_bridge.store.requests import RequestTable
from copilot_bridge.store.rests import RestTable
from copilot_bridge.store.shelf import Shelf
from copilot_bridge.store.signal import Signal
from copilot_bridge.store.sqlite import Sqlite
from copilot_bridge.store.usage import UsageTable
from copilot_bridge.store.vault import Vault

DATABASE = "bridge.db"


@dataclass(frozen=True)
class Store:
    """Nothing here does I/O until it is asked for something; then each may raise StoreError."""

    database: Database
    vault: Vault
    files: Files | None = None  # the data directory; None: nothing may be read from it

    @cached_property
    def logins(self) -> Logins:
        return Logins(self.database, self.vault, self.files)

    @cached_property
    def shelf(self) -> Shelf:
        return Shelf(self.database, self.vault)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.database, self.signal, self.files)

    @cached_property
    def pace(self) -> PaceTable:
        return PaceTable(self.database)

    @cached_property
    def rests(self) -> RestTable:
        return RestTable(self.database)

    @cached_property
    def requests(self) -> RequestTable:
        return RequestTable(self.database)

    @cached_property
    def usage(self) -> UsageTable:
        return UsageTable(self.database)

    def journal(self, days: int, most: int) -> Journal:
        """The writer of `requests`; one for the process."""
        spools = self.files.home / "spool" if self.files else None
        return Journal(self.requests, spools, days=days, most=most)

    def chains(self, most: int, life: float) -> ChainTable:
        """:param most: bytes of all conversations.  :param life: seconds."""
        return ChainTable(self.database, self.vault, most=most, life=life)

    @cached_property
    def approvals(self) -> ApprovalTable:
        return ApprovalTable(self.database, self.vault, self.signal)

    @cached_property
    def signal(self) -> Signal:
        return Signal(self.files.home / "changes" if self.files else None)

    def close(self) -> None:
        self.database.close()


def open_store(
    home: Path,
    *,
    path: Path | None = None,
    lasting: bool = True,
    key: Secret | None = None,
    url: Secret | None = None,
) -> Store:
    """:param path: of the SQLite file, where it is not in the home.  :param lasting: else in memory only.
    :param url: of a PostgreSQL database instead.
    """
    key = key or Secret()
    if not lasting:
        return Store(Sqlite(None), Vault(key, None, {}))
    if url:
        from copilot_bridge.store.postgres import Postgres  # an extra, which not everybody has

        return Store(Postgres(url), Vault(key, home, shared=True), Files(home))
    database = path or home / DATABASE
    if database.is_dir():
        database = database / DATABASE
    return Store(Sqlite(database), Vault(key, database.parent), Files(home))
