"""The tables, as a list of steps that is only ever added to: each runs once in the life of a database."""

from copilot_bridge.errors import StoreError
from copilot_bridge.store.database import Transaction

# (name, statements).  Never change one that has been released: add another.
MIGRATIONS: list[tuple[str, tuple[str, ...]]] = [
    (
        "m001_logins_and_tokens",
        (
            """CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL)""",
            # chosen: the largest of a host is the one in use.
            """CREATE TABLE logins (
                login TEXT NOT NULL, host TEXT NOT NULL, token TEXT NOT NULL,
                added BIGINT NOT NULL, chosen BIGINT NOT NULL, PRIMARY KEY (login, host))""",
            """CREATE TABLE shelf (name TEXT PRIMARY KEY, content TEXT NOT NULL, written DOUBLE PRECISION)""",
        ),
    ),
    (
        "m002_keys",
        (
            """CREATE TABLE keys (
                name TEXT PRIMARY KEY, kind TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
                models TEXT NOT NULL, rate TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL,
                operator BIGINT NOT NULL)""",
        ),
    ),
    (
        "m003_pace",
        (
            "CREATE TABLE lanes (name TEXT PRIMARY KEY, next DOUBLE PRECISION NOT NULL)",
            "CREATE TABLE passes (lane TEXT NOT NULL, ticket TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)",
            "CREATE INDEX passes_of_lane ON passes (lane, at)",
            """CREATE TABLE tickets (
                id TEXT PRIMARY KEY, lane TEXT NOT NULL, number BIGINT NOT NULL, running BIGINT NOT NULL,
                alive DOUBLE PRECISION NOT NULL)""",
            "CREATE INDEX tickets_of_lane ON tickets (lane, running, number)",
            """CREATE TABLE rests (
                account TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL, message TEXT NOT NULL,
                code TEXT)""",
        ),
    ),
    (
        "m004_requests",
        (
            """CREATE TABLE requests (
                id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, caller TEXT, account TEXT, dialect TEXT,
                model TEXT, upstream TEXT, initiator TEXT, status BIGINT, outcome TEXT, ms BIGINT,
                first_byte_ms BIGINT, tokens_in BIGINT, tokens_out BIGINT, tokens_cached BIGINT,
                tokens_reasoning BIGINT, cost DOUBLE PRECISION, quota DOUBLE PRECISION)""",
            "CREATE INDEX requests_by_time ON requests (at)",
        ),
    ),
    (
        "m005_approvals",
        (
            """CREATE TABLE approvals (
                id TEXT PRIMARY KEY, caller TEXT NOT NULL, model TEXT NOT NULL, line TEXT NOT NULL,
                size BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL, answer BIGINT NOT NULL,
                alive DOUBLE PRECISION NOT NULL)""",
        ),
    ),
    (
        "m006_response_chains",
        (
            """CREATE TABLE chains (
                id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL, links BIGINT NOT NULL,
                bytes BIGINT NOT NULL)""",
            "CREATE INDEX chains_by_age ON chains (until)",
            """CREATE TABLE links (
                id TEXT PRIMARY KEY, chain TEXT NOT NULL, before TEXT NOT NULL,
                until DOUBLE PRECISION NOT NULL, content TEXT NOT NULL)""",
            "CREATE INDEX links_of_chain ON links (chain)",
        ),
    ),
    (
        "m007_request_details",
        (
            "ALTER TABLE requests ADD COLUMN queue_ms BIGINT",
            "ALTER TABLE requests ADD COLUMN token_ms BIGINT",
            "ALTER TABLE requests ADD COLUMN error TEXT",
            "ALTER TABLE requests ADD COLUMN address TEXT",
            "ALTER TABLE requests ADD COLUMN path TEXT",
            "ALTER TABLE requests ADD COLUMN streamed BIGINT",
            "ALTER TABLE requests ADD COLUMN premium DOUBLE PRECISION",
            "ALTER TABLE requests ADD COLUMN written DOUBLE PRECISION",
            # Holds all that the log is filtered by: whatever is asked for, only the rows found are read.
            """CREATE INDEX requests_in_order ON requests
                (at, id, caller, model, status, outcome, account)""",
            "CREATE INDEX requests_as_written ON requests (written)",
            "DROP INDEX requests_by_time",
        ),
    ),
    (
        "m008_request_hours",
        (
            # What the requests of an hour (unix seconds of its beginning) come to; model "": none was found.
            """CREATE TABLE request_hours (
                hour BIGINT NOT NULL, caller TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
                requests BIGINT NOT NULL, errors BIGINT NOT NULL, premium DOUBLE PRECISION,
                tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
                cost DOUBLE PRECISION, PRIMARY KEY (hour, caller, account, model))""",
            """INSERT INTO request_hours
                SELECT CAST(at AS BIGINT) / 3600 * 3600 AS began, coalesce(caller, ''), coalesce(account, ''),
                    CASE WHEN upstream IS NULL THEN '' ELSE coalesce(model, '') END AS known, count(*),
                    sum(CASE WHEN outcome IN ('ok', 'client gone') THEN 0 ELSE 1 END), sum(premium),
                    coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),
                    coalesce(sum(tokens_cached), 0), sum(cost)
                FROM requests GROUP BY began, coalesce(caller, ''), coalesce(account, ''), known""",
        ),
    ),
    (
        "m009_requests_in_order",
        (
            # Without an index of the ids alone, which are random: each row would change a page of it that
            # no other row does, and that costs several times what all else does.
            "DROP INDEX requests_in_order",
            "DROP INDEX requests_as_written",
            "ALTER TABLE requests RENAME TO requests_by_id",
            """CREATE TABLE requests (
                id TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, caller TEXT, account TEXT, dialect TEXT,
                model TEXT, upstream TEXT, initiator TEXT, status BIGINT, outcome TEXT, ms BIGINT,
                first_byte_ms BIGINT, tokens_in BIGINT, tokens_out BIGINT, tokens_cached BIGINT,
                tokens_reasoning BIGINT, cost DOUBLE PRECISION, quota DOUBLE PRECISION, queue_ms BIGINT,
                token_ms BIGINT, error TEXT, address TEXT, path TEXT, streamed BIGINT,
                premium DOUBLE PRECISION, written DOUBLE PRECISION)""",
            """INSERT INTO requests
                SELECT id, at, caller, account, dialect, model, upstream, initiator, status, outcome, ms,
                    first_byte_ms, tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost, quota,
                    queue_ms, token_ms, error, address, path, streamed, premium, written
                FROM requests_by_id ORDER BY at, id""",
            "DROP TABLE requests_by_id",
            """CREATE INDEX requests_in_order ON requests
                (at, id, caller, model, status, outcome, account)""",
            "CREATE INDEX requests_as_written ON requests (written)",
        ),
    ),
    (
        "m010_rests_of_parts",
        (
            # In place of `rests`, which knows accounts alone; the program before this one still reads that.
            """CREATE TABLE rests_of_parts (
                account TEXT NOT NULL, model TEXT NOT NULL, path TEXT NOT NULL,
                since DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, message TEXT NOT NULL,
                code TEXT, PRIMARY KEY (account, model, path))""",
        ),
    ),
    (
        "m011_lessons",
        (
            """CREATE TABLE lessons (
                account TEXT NOT NULL, api TEXT NOT NULL, model TEXT NOT NULL, act TEXT NOT NULL,
                subject TEXT NOT NULL, value TEXT NOT NULL, since DOUBLE PRECISION NOT NULL,
                until DOUBLE PRECISION NOT NULL, PRIMARY KEY (account, api, model, act, subject))""",
        ),
    ),
    (
        "m012_sessions",
        (
            "ALTER TABLE requests ADD COLUMN session TEXT",
            "ALTER TABLE requests ADD COLUMN discount DOUBLE PRECISION",
            "DROP INDEX requests_in_order",
            """CREATE INDEX requests_in_order ON requests
                (at, id, caller, model, status, outcome, account, session)""",
        ),
    ),
    (
        "m013_key_generations",
        (
            # used: how many keys of the name there have been.
            "CREATE TABLE key_names (name TEXT PRIMARY KEY, used BIGINT NOT NULL)",
            """INSERT INTO key_names SELECT name, 1 FROM (
                SELECT name FROM keys
                UNION SELECT substr(caller, 5) FROM request_hours WHERE substr(caller, 1, 4) = 'key:'
                UNION SELECT substr(caller, 7) FROM request_hours WHERE substr(caller, 1, 6) = 'share:'
                ) AS known""",
            "ALTER TABLE keys ADD COLUMN generation BIGINT NOT NULL DEFAULT 1",
            # A browser's sessions that were ended before their time; until: unix seconds.
            "CREATE TABLE ended_sessions (id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
        ),
    ),
    ("m014_mended_requests", ("ALTER TABLE requests ADD COLUMN mended TEXT",)),
]


# Steps after which a released program that does not know them can't use the tables.  All others only add.
BREAKING: tuple[str, ...] = ()
# Under this name the database says which step a program has to know.
NEEDS = "schema-needs"


def is_current(transaction: Transaction) -> bool:
    """Whether nothing is missing, told without a lock.  Raises StoreError: it is of a newer version."""
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


def migrate(transaction: Transaction, upto: int | None = None) -> list[str]:
    """Bring the tables up to date.  The names of the steps that were missing.

    Steps of a newer version are left alone, unless they are breaking.  Raises StoreError then.
    """
    transaction.advisory_lock("migrations")
    transaction.change("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at DOUBLE PRECISION)")
    done = {name for (name,) in transaction.rows("SELECT name FROM migrations")}
    if done:
        check_version(transaction)
    missing = [step for step in MIGRATIONS[:upto] if step[0] not in done]
    for name, statements in missing:
        for statement in statements:
            transaction.change(statement)
        transaction.change("INSERT INTO migrations (name, at) VALUES (?, ?)", name, transaction.now())
        if name in BREAKING:
            transaction.change("DELETE FROM notes WHERE name = ?", NEEDS)
            transaction.change("INSERT INTO notes (name, value) VALUES (?, ?)", NEEDS, name)
    return [name for name, _ in missing]
