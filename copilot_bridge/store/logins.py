"""The GitHub logins: their names and tokens, and the one in use of each host."""

import logging
import shutil
import time
from hashlib import sha256
from typing import Any

from msgspec import Struct

from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import Secret
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.encryption import Encryptor
from copilot_bridge.store.files import JsonFiles

log = logging.getLogger(__name__)

NAME = "logins"
CHECK = "login-check"


class Login(Struct, frozen=True):
    """A GitHub login.

    :param host: the GitHub API that it belongs to, like https://api.github.com.  :param added: unix seconds.
    """

    user: str
    token: Secret
    host: str
    added: int


class Logins:
    """The logins in the store; of each host, the last one added or chosen is in use.  Raises StoreError.

    :param files: the directory of a `logins.json` from before there was a store, which is taken over.
    """

    def __init__(self, database: Database, encryptor: Encryptor, files: JsonFiles | None = None) -> None:
        self._database = database
        self._encryptor = encryptor
        self._files = files

    def all(self) -> list[Login]:
        """All logins; the one in use comes last."""
        self._take_over()
        rows = self._database.read(
            lambda transaction: transaction.rows(
                "SELECT login, token, host, added FROM logins ORDER BY chosen, login"
            )
        )
        return [login for row in rows if (login := self._read(row))]

    def in_use(self, host: str) -> Login | None:
        """The login of this host that serves requests."""
        return next((login for login in reversed(self.all()) if login.host == host), None)

    def find(self, user: str, host: str | None = None) -> Login | None:
        """The latest login of a user, of any host if none is given."""
        fitting = (login for login in reversed(self.all()) if login.user == user)
        return next((login for login in fitting if host in (None, login.host)), None)

    def add(self, user: str, token: Secret, host: str) -> None:
        """Add a login, and use it from now on."""
        self._take_over()
        row = (user, host, self._encryptor.encrypt(token.reveal()), int(time.time()))
        self._database.run(lambda transaction: put(transaction, row))

    def check(self) -> None:
        """Check that a login can be stored, by writing and removing a row of that size.

        :raises StoreError, ConfigError: no login can be stored.
        """
        encrypted = self._encryptor.encrypt("x" * 200)

        def put_and_take(transaction: Transaction) -> None:
            transaction.change("DELETE FROM notes WHERE name = ?", CHECK)
            transaction.change("INSERT INTO notes (name, value) VALUES (?, ?)", CHECK, encrypted)
            transaction.change("DELETE FROM notes WHERE name = ?", CHECK)

        self._database.run(put_and_take)

    def use(self, user: str, host: str) -> bool:
        """Use this login from now on.  False: there is no such login."""
        self._take_over()
        return self._database.run(
            lambda transaction: bool(
                transaction.change(
                    "UPDATE logins SET chosen = (SELECT max(chosen) + 1 FROM logins)"
                    " WHERE login = ? AND host = ?",
                    user,
                    host,
                )
            )
        )

    def remove(self, user: str, host: str) -> bool:
        """Remove a login.  False: there is no such login."""
        self._take_over()
        return self._database.run(
            lambda transaction: bool(
                transaction.change("DELETE FROM logins WHERE login = ? AND host = ?", user, host)
            )
        )

    def _read(self, row: Row) -> Login | None:
        user, encrypted, host, added = row
        token = self._encryptor.decrypt(encrypted)
        return Login(user, Secret(token), host, added) if token else None

    def _take_over(self) -> None:
        """Import `logins.json` once, and remove the file when its logins are in the database."""
        if self._files is None or not (path := self._files.home / f"{NAME}.json").exists():
            return
        with self._files.lock(NAME):
            content = self._files.read(NAME)
            if content is None:  # damaged, which is logged
                return
            rows = content.get("logins")
            logins = [login for row in (rows if isinstance(rows, list) else ()) if (login := read_row(row))]
            given = [
                (login.user, login.host, self._encryptor.encrypt(login.token.reveal()), login.added)
                for login in logins
            ]
            digest = sha256(path.read_bytes()).hexdigest()
            self._database.run(lambda transaction: take(transaction, given, digest))
        try:
            self._files.remove(NAME)
            shutil.rmtree(self._files.home / "tokens", ignore_errors=True)
        except ConfigError as error:
            log.warning("the logins were imported, but the old file can't be removed: %s", error)


NewRow = tuple[str, str, str, int]  # user, host, encrypted token, when it was added


def put(transaction: Transaction, row: NewRow) -> None:
    transaction.advisory_lock("logins")
    transaction.change(
        "INSERT INTO logins (login, host, token, added, chosen)"
        " VALUES (?, ?, ?, ?, (SELECT coalesce(max(chosen), 0) + 1 FROM logins))"
        " ON CONFLICT (login, host) DO UPDATE SET token = excluded.token, added = excluded.added,"
        " chosen = excluded.chosen",
        *row,
    )


def take(transaction: Transaction, rows: list[NewRow], digest: str) -> None:
    """Add the rows of a file once: a file that can't be removed must not bring removed logins back."""
    if transaction.rows("SELECT 1 FROM notes WHERE name = 'logins.json' AND value = ?", digest):
        return
    known = {tuple(row) for row in transaction.rows("SELECT login, host FROM logins")}
    for row in rows:
        if row[:2] not in known:
            put(transaction, row)
    transaction.change("DELETE FROM notes WHERE name = 'logins.json'")
    transaction.change("INSERT INTO notes (name, value) VALUES ('logins.json', ?)", digest)


def read_row(row: Any) -> Login | None:
    """Read a login from a row; None: the row is damaged, and is skipped."""
    if not isinstance(row, dict) or not all(
        isinstance(row.get(key), str) for key in ("user", "token", "host")
    ):
        return None
    added = row.get("added")
    if not isinstance(added, int) or not 0 <= added < 1 << 32:
        added = 0
    return Login(row["user"], Secret(row["token"]), row["host"], added)
