"""Pauses that Copilot has asked for, which all users of the store share."""

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.store.database import Database, Transaction
from copilot_bridge.waits import CLOCK_TOLERANCE, Wait

COLUMNS = "account, until, message, code, model, path, since"


class Cooldown(Struct, frozen=True):
    """A pause for a model or a path of an account, or for the whole account.

    :param account: its fingerprint.  :param since, until: unix seconds.  :param message: Copilot's words.
    """

    account: str
    until: float
    message: str
    code: str | None = None
    model: str = ""
    path: str = ""
    since: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.model, self.path

    @property
    def what(self) -> str:
        return self.model or self.path or "the account"

    def remaining(self, now: float) -> float:
        """The remaining seconds; 0: it is over."""
        return Wait(self.since, self.until).remaining(now)

    def shifted(self, seconds: float) -> "Cooldown":
        """Return the cooldown with its times shifted to a clock that is so many seconds ahead."""
        return replace(self, until=self.until + seconds, since=self.since + seconds)


class CooldownTable:
    """The cooldowns in the store, stored by its clock, read by the caller's.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, cooldown: Cooldown, now: float | None = None) -> None:
        """Add a cooldown or replace it.

        :param now: the present by the clock of the cooldown's times, if that is not the store's.
        """
        self._database.run(lambda transaction: put(transaction, cooldown, now))

    def all(self, now: float | None = None) -> list[Cooldown]:
        """The cooldowns that are not over.  :param now: as above."""
        return self._database.read(lambda transaction: read(transaction, now))

    def clear(self, *cooldowns: Cooldown) -> None:
        keys = [cooldown.key for cooldown in cooldowns]
        self._database.run(
            lambda transaction: transaction.change_many(
                "DELETE FROM cooldowns WHERE account = ? AND model = ? AND path = ?", keys
            )
        )


def put(transaction: Transaction, cooldown: Cooldown, now: float | None) -> None:
    store_now = transaction.now()
    kept = cooldown.shifted(0.0 if now is None else store_now - now)
    transaction.change(
        "DELETE FROM cooldowns WHERE until < ? OR since > ?", store_now, store_now + CLOCK_TOLERANCE
    )
    transaction.change(
        f"INSERT INTO cooldowns ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (account, model, path) DO UPDATE SET until = excluded.until, since = excluded.since,"
        " message = excluded.message, code = excluded.code",
        kept.account,
        kept.until,
        kept.message,
        kept.code,
        kept.model,
        kept.path,
        kept.since,
    )


def read(transaction: Transaction, now: float | None) -> list[Cooldown]:
    store_now = transaction.now()
    rows = transaction.rows(f"SELECT {COLUMNS} FROM cooldowns")  # noqa: S608
    ahead = 0.0 if now is None else now - store_now
    return [cooldown.shifted(ahead) for row in rows if (cooldown := Cooldown(*row)).remaining(store_now)]
