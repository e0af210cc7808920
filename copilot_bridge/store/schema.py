"""The tables, as a list of steps that only ever grows.  Each step runs once in the life of a database."""

import logging

from copilot_bridge.errors import StoreError
from copilot_bridge.store.database import Transaction
from copilot_bridge.store.unreleased_schema import FIRST_UNRELEASED_STEP, set_aside, take_over

log = logging.getLogger(__name__)

# Columns of the log -> the better names that they have been given.
LOG_NAMES = {
    "mended": "adaptations",
    "asked": "requested_model",
    "answering": "response_model",
    "instead_why": "fallback_reason",
}

# The sums that m010 makes of the log's rows, in the order of its columns.
SUMS = (
    "count(*), sum(CASE WHEN outcome IN ('ok', 'client_disconnected') THEN 0 ELSE 1 END), sum(premium),"
    " coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(tokens_cached), 0), sum(cost),"
    " coalesce(sum(tokens_written), 0),"
    " sum(coalesce(nano_aiu, CAST(round(cost * 1000000000) AS BIGINT))), coalesce(sum(estimated), 0)"
)
KEYS = (
    # PostgreSQL rounds where SQLite cuts off.
    "(CAST(at AS BIGINT) - CASE WHEN CAST(at AS BIGINT) > at THEN 1 ELSE 0 END) / 3600 * 3600",
    "coalesce(caller, '')",
    "coalesce(account, '')",
    "CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END",
    "coalesce(client, '')",
    "coalesce(session, '')",
)
FILL = (
    *(
        f"INSERT INTO {table} SELECT {', '.join(keys)}, {SUMS} FROM requests GROUP BY {', '.join(keys)}"  # noqa: S608
        for table, keys in (("client_hours", KEYS[:-1]), ("conversation_hours", KEYS))
    ),
    "DELETE FROM rollup_progress",
    "INSERT INTO rollup_progress SELECT coalesce(max(written), 0) FROM requests",
)

# (name, statements).  A step that a database may have made never changes: later changes are further steps.
MIGRATIONS: list[tuple[str, tuple[str, ...]]] = [
    (
        "m001_first_release",
        (
            "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            # The login with the largest `chosen` of a host is the one in use.
            """CREATE TABLE logins (
                login TEXT NOT NULL, host TEXT NOT NULL, token TEXT NOT NULL,
                added BIGINT NOT NULL, chosen BIGINT NOT NULL, PRIMARY KEY (login, host))""",
            """CREATE TABLE keys (
                name TEXT PRIMARY KEY, kind TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
                models TEXT NOT NULL, rate TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL,
                operator BIGINT NOT NULL, generation BIGINT NOT NULL DEFAULT 1)""",
            # used: the number of keys that have had the name.
            "CREATE TABLE key_names (name TEXT PRIMARY KEY, used BIGINT NOT NULL)",
            # The browser sessions that were ended before their time.
            "CREATE TABLE ended_sessions (id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
            """CREATE TABLE key_values (
                name TEXT PRIMARY KEY, content TEXT NOT NULL, written DOUBLE PRECISION)""",
            # The earliest time of the next admission, for limits with a minimum interval.
            "CREATE TABLE next_admissions (limit_name TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)",
            """CREATE TABLE admissions (
                limit_name TEXT NOT NULL, ticket TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
            "CREATE INDEX admissions_by_time ON admissions (limit_name, at)",
            # The requests that wait (running = 0), in the order of `number`, and those under way (1).
            """CREATE TABLE tickets (
                id TEXT PRIMARY KEY, limit_name TEXT NOT NULL, number BIGINT NOT NULL,
                running BIGINT NOT NULL, expires DOUBLE PRECISION NOT NULL)""",
            "CREATE INDEX tickets_by_number ON tickets (limit_name, running, number)",
            """CREATE TABLE cooldowns (
                account TEXT NOT NULL, model TEXT NOT NULL, path TEXT NOT NULL,
                since DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, message TEXT NOT NULL,
                code TEXT, PRIMARY KEY (account, model, path))""",
            """CREATE TABLE lessons (
                account TEXT NOT NULL, api TEXT NOT NULL, model TEXT NOT NULL, act TEXT NOT NULL,
                subject TEXT NOT NULL, value TEXT NOT NULL, since DOUBLE PRECISION NOT NULL,
                until DOUBLE PRECISION NOT NULL, PRIMARY KEY (account, api, model, act, subject))""",
            """CREATE TABLE approvals (
                id TEXT PRIMARY KEY, caller TEXT NOT NULL, model TEXT NOT NULL, preview TEXT NOT NULL,
                size BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL, decision BIGINT NOT NULL,
                expires DOUBLE PRECISION NOT NULL)""",
            """CREATE TABLE response_chains (
                id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL, responses BIGINT NOT NULL,
                bytes BIGINT NOT NULL)""",
            "CREATE INDEX response_chains_by_age ON response_chains (until)",
            """CREATE TABLE responses (
                id TEXT PRIMARY KEY, chain TEXT NOT NULL, previous TEXT NOT NULL,
                until DOUBLE PRECISION NOT NULL, content TEXT NOT NULL)""",
            "CREATE INDEX responses_by_chain ON responses (chain)",
            # Without an index of the ids alone: they are random, so each row would change a page of the index
            # that no other row changes, which costs several times as much as everything else.
            """CREATE TABLE requests (
                id TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, caller TEXT, account TEXT, dialect TEXT,
                model TEXT, upstream TEXT, initiator TEXT, status BIGINT, outcome TEXT, ms BIGINT,
                first_byte_ms BIGINT, tokens_in BIGINT, tokens_out BIGINT, tokens_cached BIGINT,
                tokens_reasoning BIGINT, cost DOUBLE PRECISION, quota DOUBLE PRECISION, queue_ms BIGINT,
                token_ms BIGINT, error TEXT, address TEXT, path TEXT, streamed BIGINT,
                premium DOUBLE PRECISION, session TEXT, discount DOUBLE PRECISION, mended TEXT,
                written DOUBLE PRECISION)""",
            # Covers every column of the log's filters, so that only the matching rows are read.
            """CREATE INDEX requests_by_arrival ON requests
                (at, id, caller, model, status, outcome, account, session)""",
            "CREATE INDEX requests_by_written ON requests (written)",
            # The sums of an hour, which begins at `hour` (unix seconds).  Model "": not one of Copilot's.
            """CREATE TABLE request_hours (
                hour BIGINT NOT NULL, caller TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
                requests BIGINT NOT NULL, errors BIGINT NOT NULL, premium DOUBLE PRECISION,
                tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
                cost DOUBLE PRECISION, PRIMARY KEY (hour, caller, account, model))""",
        ),
    ),
    (
        "m002_charges",
        (
            *(
                f"ALTER TABLE requests ADD COLUMN {column}"
                for column in (
                    "nano_aiu BIGINT",
                    "estimated BIGINT",
                    "tier TEXT",
                    "tokens_written BIGINT",
                    "searches BIGINT",
                    "retries BIGINT",
                    "asked TEXT",
                    "answering TEXT",
                    "upstream_id TEXT",
                    "client TEXT",
                    "interaction TEXT",
                    "kind TEXT",
                )
            ),
            # Sums are exact in integers.  `cost` is the same in AI units, for programs that know no other.
            "ALTER TABLE request_hours ADD COLUMN tokens_written BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE request_hours ADD COLUMN nano_aiu BIGINT",
            "ALTER TABLE request_hours ADD COLUMN estimated BIGINT NOT NULL DEFAULT 0",
            "UPDATE request_hours SET nano_aiu = CAST(round(cost * 1000000000) AS BIGINT)",
        ),
    ),
    (
        "m003_waits",
        (
            "ALTER TABLE requests ADD COLUMN catalogue_ms BIGINT",
            "ALTER TABLE requests ADD COLUMN connection_ms BIGINT",
        ),
    ),
    (
        "m004_budgets",
        (
            # Amounts are in 1e-9 of the unit, and in 1e-9 cents where the unit is the dollar.
            """CREATE TABLE budgets (
                scope TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL, period TEXT NOT NULL,
                amount BIGINT NOT NULL, created DOUBLE PRECISION NOT NULL,
                PRIMARY KEY (scope, subject, unit, period))""",
            # warned: the highest percentage of which the operator got a notice.
            """CREATE TABLE budget_counters (
                scope TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL, period TEXT NOT NULL,
                start BIGINT NOT NULL, spent BIGINT NOT NULL, warned BIGINT NOT NULL,
                PRIMARY KEY (scope, subject, unit, period, start))""",
            """CREATE TABLE budget_reservations (
                ticket TEXT NOT NULL, scope TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL,
                period TEXT NOT NULL, start BIGINT NOT NULL, amount BIGINT NOT NULL,
                expires DOUBLE PRECISION NOT NULL,
                PRIMARY KEY (ticket, scope, subject, unit, period, start))""",
            """CREATE INDEX budget_reservations_by_counter ON budget_reservations
                (scope, subject, unit, period, start)""",
        ),
    ),
    (
        "m005_prompt_cache",
        (
            *(
                f"ALTER TABLE requests ADD COLUMN {column}"
                for column in ("verdict TEXT", "verdict_detail TEXT", "lost_nano_aiu BIGINT")
            ),
            # Digests of the last prompts of each conversation, in hexadecimal.
            """CREATE TABLE prompts (
                thread TEXT NOT NULL, branch BIGINT NOT NULL, model TEXT NOT NULL, tools TEXT NOT NULL,
                system TEXT NOT NULL, messages TEXT NOT NULL, marked BIGINT NOT NULL,
                at DOUBLE PRECISION NOT NULL, tokens BIGINT NOT NULL, PRIMARY KEY (thread, branch))""",
            "CREATE INDEX prompts_by_age ON prompts (at)",
        ),
    ),
    (
        "m006_fallbacks",
        (
            "ALTER TABLE requests ADD COLUMN instead_of TEXT",
            "ALTER TABLE requests ADD COLUMN instead_why TEXT",
        ),
    ),
    (
        "m007_web",
        (
            "ALTER TABLE keys ADD COLUMN web BIGINT NOT NULL DEFAULT 1",
            "ALTER TABLE requests ADD COLUMN parent TEXT",
        ),
    ),
    (
        "m008_uploads",
        (
            "ALTER TABLE requests ADD COLUMN uploaded BIGINT",
            "ALTER TABLE requests ADD COLUMN spared BIGINT",
        ),
    ),
    (
        # Better names.  The old columns stay for the programs that know no others.
        "m009_log_names",
        (
            *(f"ALTER TABLE requests ADD COLUMN {new} TEXT" for new in LOG_NAMES.values()),
            # In one statement, so that each row is written once.
            (
                f"UPDATE requests SET {', '.join(f'{new} = {old}' for old, new in LOG_NAMES.items())}"  # noqa: S608
                f" WHERE {' OR '.join(f'{old} IS NOT NULL' for old in LOG_NAMES)}"
            ),
        ),
    ),
    (
        "m010_rollups",
        (
            # As `request_hours`, with more columns, of the rows up to the `written` of the progress.
            """CREATE TABLE client_hours (
                hour BIGINT NOT NULL, caller TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
                client TEXT NOT NULL, requests BIGINT NOT NULL, errors BIGINT NOT NULL,
                premium DOUBLE PRECISION, tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL,
                tokens_cached BIGINT NOT NULL, cost DOUBLE PRECISION, tokens_written BIGINT NOT NULL,
                nano_aiu BIGINT, estimated BIGINT NOT NULL,
                PRIMARY KEY (hour, caller, account, model, client))""",
            """CREATE TABLE conversation_hours (
                hour BIGINT NOT NULL, caller TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
                client TEXT NOT NULL, session TEXT NOT NULL, requests BIGINT NOT NULL,
                errors BIGINT NOT NULL, premium DOUBLE PRECISION, tokens_in BIGINT NOT NULL,
                tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL, cost DOUBLE PRECISION,
                tokens_written BIGINT NOT NULL, nano_aiu BIGINT, estimated BIGINT NOT NULL,
                PRIMARY KEY (hour, caller, account, model, client, session))""",
            "CREATE TABLE rollup_progress (written DOUBLE PRECISION NOT NULL)",
            *FILL,
        ),
    ),
]


# The steps after which a released program that does not know them can't use the tables.  All others only add.
BREAKING: tuple[str, ...] = ("m001_first_release",)
# The name of the note that holds the step a program has to know.
NEEDS = "schema-needs"


def is_current(transaction: Transaction) -> bool:
    """Return whether no step is missing, without a lock.  Raises StoreError: it is of a newer version."""
    try:
        done = {name for (name,) in transaction.rows("SELECT name FROM migrations")}
    except Exception:  # noqa: BLE001 - of whichever library: there is no such table yet
        return False
    if done:
        check_version(transaction)
    return done >= {name for name, _ in MIGRATIONS}


def check_version(transaction: Transaction) -> None:
    needed = transaction.rows("SELECT value FROM notes WHERE name = ?", NEEDS)
    if needed and needed[0][0] not in {name for name, _ in MIGRATIONS}:
        raise StoreError(
            "a newer version of the bridge has changed the store in a way that this one can't read: install "
            "that version again, or restore a backup from before with `copilot-bridge store restore`"
        )


def migrate(transaction: Transaction) -> list[str]:
    """Bring the tables up to date, and return the names of the missing steps.

    Steps of a newer version are left alone, unless they are breaking.  Raises StoreError then.
    """
    transaction.advisory_lock("migrations")
    done = steps_done(transaction)
    if done:
        check_version(transaction)
    old_columns = {}
    if FIRST_UNRELEASED_STEP in done:
        old_columns = set_aside(transaction)
        done = steps_done(transaction)
    missing = [step for step in MIGRATIONS if step[0] not in done]
    for name, statements in missing:
        run_step(transaction, name, statements)
    if old_columns:
        take_over(transaction, old_columns)
        for statement in FILL:
            transaction.change(statement)
        log.warning(
            "the store was written by a version from before the first release: its logins, keys, limits and "
            "request log were taken over, and that version can't use it any more"
        )
    return [name for name, _ in missing]


def steps_done(transaction: Transaction) -> set[str]:
    transaction.change("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at DOUBLE PRECISION)")
    return {name for (name,) in transaction.rows("SELECT name FROM migrations")}


def run_step(transaction: Transaction, name: str, statements: tuple[str, ...]) -> None:
    for statement in statements:
        transaction.change(statement)
    transaction.change("INSERT INTO migrations (name, at) VALUES (?, ?)", name, transaction.now())
    if name in BREAKING:
        transaction.change("DELETE FROM notes WHERE name = ?", NEEDS)
        transaction.change("INSERT INTO notes (name, value) VALUES (?, ?)", NEEDS, name)
