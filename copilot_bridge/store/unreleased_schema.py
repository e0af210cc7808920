"""The tables of the versions before the first release, whose content the first release takes over.

The old tables are renamed, the new ones are made, and the columns that both have are copied.  So a store of
any of those versions can be taken over.
"""

from msgspec import Struct, field

from copilot_bridge.store.database import Transaction

FIRST_UNRELEASED_STEP = "m001_logins_and_tokens"
PREFIX = "unreleased_"


class Successor(Struct, frozen=True):
    """The table that replaces an old one.  `renamed`: new column -> old column."""

    table: str
    renamed: dict[str, str] = field(default_factory=dict)


# Old table -> its successor; None: its rows mattered for a moment only.
SUCCESSORS: dict[str, Successor | None] = {
    "notes": Successor("notes"),
    "logins": Successor("logins"),
    "keys": Successor("keys"),
    "key_names": Successor("key_names"),
    "ended_sessions": Successor("ended_sessions"),
    "shelf": Successor("key_values"),
    "rests_of_parts": Successor("cooldowns"),
    "lessons": Successor("lessons"),
    "chains": Successor("response_chains", {"responses": "links"}),
    "links": Successor("responses", {"previous": "before"}),
    "requests": Successor("requests", {"adaptations": "mended"}),
    "request_hours": Successor("request_hours"),
    "rests": None,
    "lanes": None,
    "passes": None,
    "tickets": None,
    "approvals": None,
    "migrations": None,
}

# Outcomes of requests in the log: old word -> new word.
OUTCOMES = {"cut": "interrupted", "client gone": "client_disconnected"}


def set_aside(transaction: Transaction) -> dict[str, list[str]]:
    """Rename the old tables.  Returns the columns of each."""
    columns = {table: found for table in SUCCESSORS if (found := transaction.columns(table))}
    for table in columns:
        transaction.change(f"ALTER TABLE {table} RENAME TO {PREFIX}{table}")
    return columns


def take_over(transaction: Transaction, old_columns: dict[str, list[str]]) -> None:
    """Copy what the renamed tables hold into the new ones, and drop them."""
    for table, columns in old_columns.items():
        if successor := SUCCESSORS[table]:
            copy(transaction, table, columns, successor)
        transaction.change(f"DROP TABLE {PREFIX}{table}")
    for old, new in OUTCOMES.items():
        transaction.change("UPDATE requests SET outcome = ? WHERE outcome = ?", new, old)
    # The name of a former key stays taken: the data of one key must not go to another one.
    transaction.change(
        "INSERT INTO key_names (name, used) SELECT name, 1 FROM keys"
        " WHERE name NOT IN (SELECT name FROM key_names)"
    )


def copy(transaction: Transaction, table: str, columns: list[str], successor: Successor) -> None:
    pairs = [(name, successor.renamed.get(name, name)) for name in transaction.columns(successor.table)]
    new, old = zip(*(pair for pair in pairs if pair[1] in columns), strict=True)
    transaction.change(
        f"INSERT INTO {successor.table} ({', '.join(new)}) SELECT {', '.join(old)} FROM {PREFIX}{table}"  # noqa: S608
    )
