"""A store as the last version before the first release left it, and its expected content afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

from copilot_bridge.redaction import Secret
from copilot_bridge.store import Store
from copilot_bridge.store.keys import digest_of

SQL = Path(__file__).parent / "unreleased_store.sql"
KEY_OF_STORE = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
LAPTOP = "cbk_cgSQSzGYPaEZ8CaYR8GtiSLprCr13MhZeVkZ_ZpRB88"
API = "https://api.github.com"


def make_unreleased(path: Path, *changes: str) -> None:
    """:param changes: statements that make it the store of a version still older."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SQL.read_text() + ";".join(changes))


def check_taken_over(store: Store) -> None:
    logins = [(login.user, login.token.reveal()[-1]) for login in store.logins.all()]
    assert logins == [("octo-work", "2"), ("octocat", "1")]
    used = store.logins.in_use(API)
    assert used is not None
    assert used.user == "octocat"
    keys = {key.id: key for key in store.keys.all()}
    assert keys.keys() == {"key:laptop", "key:phone#2", "share:guest"}
    laptop, guest = keys["key:laptop"], keys["share:guest"]
    assert laptop.digest == digest_of(LAPTOP)
    assert (laptop.models, laptop.rate, laptop.expires) == (("gpt-*",), "30/minute", 4_000_000_000)
    assert (guest.account, guest.rate, keys["key:phone#2"].operator) == ("octo-work", "5/hour", True)
    assert store.keys.required
    assert store.keys.is_ended("session-1")
    assert store.key_values.read("tokens/abc") == {"value": 1}
    cooldowns = store.database.read(lambda t: t.rows("SELECT model, message FROM cooldowns ORDER BY model"))
    assert cooldowns == [("gpt-4.1", "wait"), ("gpt-5", "slowly")]
    assert [row[:6] for row in store.lessons.all()] == [("fp", "chat", "o3", "drop", "temperature", "")]
    assert store.response_chains(1 << 20, 60.0).find("r2") is not None
    assert store.approvals.waiting() == []
    check_log(store)


def check_log(store: Store) -> None:
    rows = {row.id: row for row in store.request_log.page()}
    assert {id_: row.outcome for id_, row in rows.items()} == {
        "a": "ok",
        "b": "client_disconnected",
        "c": "interrupted",
        "d": "stream_cut",
        "e": "upstream_error",
    }
    assert (rows["e"].error, rows["e"].caller) == ("it's 100 % broken", "share:guest")
    assert (rows["a"].at, rows["a"].adaptations, rows["c"].ms) == (1_790_000_000.25, "temperature", None)
    assert sum(day["requests"] for day in store.usage.days(1_789_999_200.0)) == 5
    assert sum(one["requests"] for one in store.usage.by("client", 1_789_999_200.0)) == 5
