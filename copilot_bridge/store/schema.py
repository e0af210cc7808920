"""The tables, as a list of steps that is only ever added to: each runs once in the life of a database."""

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
]


def migrate(transaction: Transaction, upto: int | None = None) -> list[str]:
    """Bring the tables up to date.  The names of the steps that were missing.

    Steps of a newer version are left alone: they only add.
    """
    transaction.alone("migrations")
    transaction.change("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at DOUBLE PRECISION)")
    done = {name for (name,) in transaction.rows("SELECT name FROM migrations")}
    missing = [step for step in MIGRATIONS[:upto] if step[0] not in done]
    for name, statements in missing:
        for statement in statements:
            transaction.change(statement)
        transaction.change("INSERT INTO migrations (name, at) VALUES (?, ?)", name, transaction.now())
    return [name for name, _ in missing]
