"""Facts about models that Copilot's refusals have shown, with the time until which they hold."""

from copilot_bridge.store.database import Database, Transaction

# (account, api, model, act, subject, value, since, until); times are unix seconds.
LessonRow = tuple[str, str, str, str, str, str, float, float]

COLUMNS = "account, api, model, act, subject, value, since, until"


class LessonTable:
    """A row for each change that is made to an account's requests to a model.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: list[LessonRow]) -> None:
        """Add rows or replace them, and remove those that are over."""

        def write(transaction: Transaction) -> None:
            transaction.change("DELETE FROM lessons WHERE until < ?", transaction.now())
            for row in rows:
                transaction.change(
                    f"INSERT INTO lessons ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
                    " ON CONFLICT (account, api, model, act, subject) DO UPDATE"
                    " SET value = excluded.value, since = excluded.since, until = excluded.until",
                    *row,
                )

        self._database.run(write)

    def all(self) -> list[LessonRow]:
        rows = self._database.read(
            lambda transaction: transaction.rows(f"SELECT {COLUMNS} FROM lessons ORDER BY since")  # noqa: S608
        )
        return [(*map(str, row[:6]), float(row[6]), float(row[7])) for row in rows]  # type: ignore[misc]

    def forget(self) -> int:
        """Remove all rows.  Returns their number."""
        return self._database.run(lambda transaction: transaction.change("DELETE FROM lessons"))
