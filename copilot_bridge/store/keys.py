"""API keys and share tokens: their rights, and a hash of each instead of the key."""

import secrets
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.errors import InvalidRequest, StoreError
from copilot_bridge.private_files import make_directory
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.files import JsonFiles

KEY, SHARE = "key", "share"
PREFIXES = {KEY: "cbk_", SHARE: "share-"}

BUDGET_SCOPE = "key"  # of a key's budgets
COLUMNS = "name, kind, digest, account, models, rate, created, expires, operator, generation, web"

SELECT_KEY = f"SELECT {COLUMNS} FROM keys WHERE name = ? AND kind = ?"  # noqa: S608

# A file beside the database.  While it exists, every caller needs a key, even if the database can't be read.
# A note of the same name in the database says the same to all machines, and wins where it exists.
FLAG_FILE = "keys-required"
REQUIRED, NOT_REQUIRED = "yes", "no"


def digest_of(key: str) -> bytes:
    """The hash of a key: one round is enough, as nobody can guess 256 random bits."""
    return sha256(key.encode()).digest()


def new_secret(kind: str) -> str:
    return PREFIXES[kind] + secrets.token_urlsafe(32)


class Key(Struct, frozen=True):
    """An API key or a share token.

    :param account: the GitHub login that it uses; "": the default one.  :param rate: "30/minute", or "".
    :param models: patterns; none: all models.  :param created, expires: unix seconds; 0: never.
    :param operator: it has the operator's rights.
    :param web: may have the bridge search the web and read pages.
    :param generation: the number of keys that have had its name: the data of a revoked key must not go to a
        later key of that name.
    """

    name: str
    kind: str
    digest: bytes
    account: str = ""
    models: tuple[str, ...] = ()
    rate: str = ""
    created: int = 0
    expires: int = 0
    operator: bool = False
    generation: int = 1
    web: bool = True

    @property
    def id(self) -> str:
        """The name under which the key's data is stored."""
        return f"{self.kind}:{self.name}" + (f"#{self.generation}" if self.generation > 1 else "")

    @classmethod
    def read(cls, row: Row) -> "Key":
        name, kind, digest, account, models, rate, created, expires, operator, generation, web = row
        patterns = tuple(models.split(",")) if models else ()
        return cls(
            name,
            kind,
            bytes.fromhex(digest),
            account,
            patterns,
            rate,
            created,
            expires,
            bool(operator),
            generation,
            bool(web),
        )

    def row(self) -> tuple[object, ...]:
        return (
            self.name,
            self.kind,
            self.digest.hex(),
            self.account,
            ",".join(self.models),
            self.rate,
            self.created,
            self.expires,
            int(self.operator),
            self.generation,
            int(self.web),
        )


class Keys:
    """The keys in the store.  Raises StoreError.

    :param shared: other machines use the database as well.
    """

    def __init__(
        self, database: Database, changes: ChangeCounter, files: JsonFiles | None, *, shared: bool = False
    ) -> None:
        self._database = database
        self._changes = changes
        self.shared = shared
        self._flag_file: Path | None = files.home / FLAG_FILE if files else None

    def all(self) -> list[Key]:
        return self.load()[0]

    def load(self) -> tuple[list[Key], bool | None]:
        """The keys, and whether callers need one; None: the database does not say.

        Makes or removes this machine's flag file accordingly.
        """

        def read(transaction: Transaction) -> tuple[list[Row], list[Row]]:
            keys = transaction.rows(f"SELECT {COLUMNS} FROM keys ORDER BY created, name")  # noqa: S608
            return keys, transaction.rows("SELECT value FROM notes WHERE name = ?", FLAG_FILE)

        rows, note = self._database.read(read)
        needed = True if rows or note == [(REQUIRED,)] else None
        if note == [(NOT_REQUIRED,)] and self.shared and not rows:
            needed = False  # another machine has said so; a SQLite file might be an old copy
        if needed is not None and needed != self.required:
            self.require() if needed else self._remove_flag_file()
        return [Key.read(row) for row in rows], needed

    @property
    def required(self) -> bool:
        """Return whether this machine's flag file demands a key; True if the file can't be read."""
        try:
            return self._flag_file is not None and self._flag_file.exists()
        except OSError:
            return True

    @property
    def flag_file(self) -> str:
        """The path of the flag file, for messages."""
        return str(self._flag_file or "")

    def add(self, key: Key) -> str:
        """Store a new key, and return its text, of which only a hash is kept.

        :raises InvalidRequest: the name is taken.
        """
        secret = new_secret(key.kind)

        def put(transaction: Transaction) -> bool:
            if transaction.rows("SELECT 1 FROM keys WHERE name = ?", key.name):
                return False
            row = replace(
                key,
                digest=digest_of(secret),
                created=int(transaction.now()),
                generation=next_generation(transaction, key.name),
            ).row()
            transaction.change(f"INSERT INTO keys ({COLUMNS}) VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608
            note_required(transaction, REQUIRED)
            return True

        self.require()
        if not self._database.run(put):
            raise InvalidRequest(f"a key named {key.name!r} already exists")
        self._changed()
        return secret

    def rotate(self, name: str, kind: str) -> str | None:
        """Replace a key by a new one with the same name and rights.  None: there is no such key."""
        secret = new_secret(kind)
        digest = digest_of(secret).hex()
        changed = self._database.run(
            lambda transaction: transaction.change(
                "UPDATE keys SET digest = ? WHERE name = ? AND kind = ?", digest, name, kind
            )
        )
        self._changed()
        return secret if changed else None

    def change(
        self,
        name: str,
        kind: str,
        *,
        account: str,
        models: tuple[str, ...],
        rate: str,
        expires: int | None,
        web: bool,
    ) -> bool:
        """Change the limits of a key, which stays valid.  False: there is no such key.

        :param expires: unix seconds; 0: never; None: as it is.
        """
        changed = self._database.run(
            lambda transaction: transaction.change(
                "UPDATE keys SET account = ?, models = ?, rate = ?, expires = coalesce(?, expires), web = ?"
                " WHERE name = ? AND kind = ?",
                account,
                ",".join(models),
                rate,
                expires,
                int(web),
                name,
                kind,
            )
        )
        self._changed()
        return bool(changed)

    def revoke(self, name: str, kind: str) -> bool:
        """Remove a key.  False: there is no such key."""

        def drop(transaction: Transaction) -> tuple[bool, bool]:
            for row in transaction.rows(SELECT_KEY, name, kind):
                drop_budgets(transaction, Key.read(row).id)
            gone = transaction.change("DELETE FROM keys WHERE name = ? AND kind = ?", name, kind)
            none_left = not transaction.rows("SELECT 1 FROM keys LIMIT 1")
            if gone and none_left:
                note_required(transaction, NOT_REQUIRED)
            return bool(gone), none_left

        gone, none_left = self._database.run(drop)
        if gone and none_left:
            self._remove_flag_file()
        self._changed()
        return gone

    def clear(self) -> int:
        """Remove all keys, so that none is needed any more.  Returns their number."""

        def drop(transaction: Transaction) -> int:
            note_required(transaction, NOT_REQUIRED)
            for row in transaction.rows(f"SELECT {COLUMNS} FROM keys"):  # noqa: S608
                drop_budgets(transaction, Key.read(row).id)
            return transaction.change("DELETE FROM keys")

        gone = self._database.run(drop)
        self._remove_flag_file()
        self._changed()
        return gone

    def _changed(self) -> None:
        """Notify the other processes.

        Also write the keys to the main file, so that a copy of that file alone has them.
        """
        self._database.checkpoint()
        self._changes.bump()

    def end_session(self, session: str, seconds: float) -> None:
        """End a browser's session, whose cookie would be valid for so many seconds more."""

        def put(transaction: Transaction) -> None:
            now = transaction.now()
            transaction.change("DELETE FROM ended_sessions WHERE until < ?", now)
            transaction.change(
                "INSERT INTO ended_sessions (id, until) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                session,
                now + seconds,
            )

        self._database.run(put)

    def is_ended(self, session: str) -> bool:
        found = self._database.read(
            lambda transaction: transaction.rows("SELECT 1 FROM ended_sessions WHERE id = ?", session)
        )
        return bool(found)

    def _remove_flag_file(self) -> None:
        if self._flag_file is not None:
            try:
                self._flag_file.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"can't remove {self._flag_file}: {error.strerror}") from error

    def require(self) -> None:
        """Require a key from every caller.

        It is called before the first key is stored, in case of a crash in between.
        """
        if self._flag_file is not None:
            try:
                make_directory(self._flag_file.parent)
                self._flag_file.touch(mode=0o600)
            except OSError as error:
                raise StoreError(f"can't write {self._flag_file}: {error.strerror}") from error


def drop_budgets(transaction: Transaction, id_: str) -> None:
    """Remove the budgets of a revoked key, whose name in the log is never used again."""
    for table in ("budgets", "budget_counters"):
        transaction.change(f"DELETE FROM {table} WHERE scope = ? AND subject = ?", BUDGET_SCOPE, id_)  # noqa: S608


def note_required(transaction: Transaction, value: str) -> None:
    transaction.execute(
        "INSERT INTO notes (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        FLAG_FILE,
        value,
    )


def next_generation(transaction: Transaction, name: str) -> int:
    transaction.change(
        "INSERT INTO key_names (name, used) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET used = key_names.used + 1",
        name,
    )
    ((used,),) = transaction.rows("SELECT used FROM key_names WHERE name = ?", name)
    return int(used)
