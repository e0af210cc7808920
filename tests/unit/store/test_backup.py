"""A backup holds everything, can be restored into any store, and never widens access."""

import sqlite3
import stat
from pathlib import Path

import pytest
from unreleased import KEY_OF_STORE, check_taken_over, make_unreleased

from copilot_bridge.errors import InvalidRequest, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import Store, open_store, schema
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.store.response_chains import EncryptedResponse
from copilot_bridge.store.sqlite import Sqlite

API = "https://api.github.com"


def fill(store: Store) -> None:
    store.logins.add("octocat", Secret("ghu_secret"), API)
    store.keys.add(Key("alice", KEY, b"", models=("gpt-*",)))
    store.key_values.write("tokens/x", {"value": 1})
    store.cooldowns.put(Cooldown("a", 4e9, "slowly", since=4e9 - 60))
    rows = [RequestLogRow(str(number), number + 0.1) for number in range(4500)]
    store.request_log.write(rows)
    store.response_chains(1 << 20, 3600).write([EncryptedResponse("r1", "r1", "", "sealed")])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "one")
    fill(store)
    return store


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    names = (
        "logins",
        "keys",
        "key_values",
        "requests",
        "request_hours",
        "client_hours",
        "conversation_hours",
        "rollup_progress",
        "responses",
        "response_chains",
        "cooldowns",
    )
    return {
        name: sorted(store.database.read(lambda t, name=name: t.rows(f"SELECT * FROM {name}")), key=repr)  # type: ignore[misc]
        for name in names
    }


def test_a_restored_backup_brings_everything_back(store: Store, tmp_path: Path) -> None:
    before = content(store)
    counts = store.back_up(tmp_path / "backup.db")
    assert (counts["requests"], counts["keys"], counts["logins"]) == (4500, 1, 1)
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.db"]
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    store.keys.add(Key("mallory", KEY, b""))
    store.logins.remove("octocat", API)
    assert store.restore(tmp_path / "backup.db") == counts
    assert content(store) == before
    assert store.undecryptable_logins() == []
    store.close()


@pytest.mark.parametrize("with_key", [True, False])
def test_a_backup_can_be_restored_into_another_store(store: Store, tmp_path: Path, with_key: bool) -> None:
    store.back_up(tmp_path / "backup.db")
    other = open_store(tmp_path / "two")
    assert not other.keys.required
    if with_key:
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "store.key").write_bytes((tmp_path / "one" / "store.key").read_bytes())
    other.restore(tmp_path / "backup.db")
    assert other.keys.required
    assert [key.name for key in other.keys.all()] == ["alice"]
    assert other.undecryptable_logins() == ([] if with_key else ["octocat"])
    assert [login.user for login in other.logins.all()] == (["octocat"] if with_key else [])
    other.close()
    store.close()


def test_a_backup_overwrites_no_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(InvalidRequest, match="already exists"):
        store.back_up(tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(StoreError, match="can't write"):
        store.back_up(tmp_path / "nowhere" / "backup.db")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(bytes(200_000))


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES ('m999_more', 1)")
    connection.close()


NO_BACKUPS = {
    "a text": (lambda path: path.write_text("hello"), "not a backup"),
    "empty": (lambda path: path.write_bytes(b""), "not a backup"),
    "of another program": (
        lambda path: (path.unlink(), sqlite3.connect(path).execute("CREATE TABLE x (y)")),
        "not a complete backup",
    ),
    "half": (half, "backup|damaged"),
    "zeros": (zeros, "backup|damaged"),
    "newer": (newer, "newer version"),
}


@pytest.mark.parametrize("how", NO_BACKUPS)
def test_a_file_that_is_not_a_backup_changes_nothing(store: Store, tmp_path: Path, how: str) -> None:
    path = tmp_path / "backup.db"
    store.back_up(path)
    spoil, message = NO_BACKUPS[how]
    spoil(path)
    before = content(store)
    with pytest.raises((InvalidRequest, StoreError), match=message):
        store.restore(path)
    assert content(store) == before
    store.close()


def test_a_backup_from_before_the_first_release_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_unreleased(path)
    store = open_store(tmp_path / "new", key=KEY_OF_STORE)
    assert store.restore(path)["keys"] == 3
    check_taken_over(store)
    store.close()


def test_a_program_one_release_older_uses_added_tables_and_refuses_breaking_ones(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One release back: it uses a store with added tables, and says so where it can't."""
    path = tmp_path / "one" / "bridge.db"
    added = [("m998_added", ("CREATE TABLE added (x TEXT)",))]
    now = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", now + added)
    newer = Sqlite(path)
    newer.run(lambda t: t.change("INSERT INTO added VALUES ('x')"))
    newer.close()
    monkeypatch.setattr(schema, "MIGRATIONS", now)
    before = Sqlite(path)
    assert before.read(lambda t: t.rows("SELECT count(*) FROM requests")) == [(4500,)]
    before.run(lambda t: t.change("DELETE FROM key_values"))
    before.close()
    monkeypatch.setattr(schema, "MIGRATIONS", [*now, *added, ("m999_breaking", ("DROP TABLE key_values",))])
    monkeypatch.setattr(schema, "BREAKING", (*schema.BREAKING, "m999_breaking"))
    newest = Sqlite(path)
    newest.run(lambda t: None)
    newest.close()
    monkeypatch.setattr(schema, "MIGRATIONS", now)
    for use in (Sqlite(path).read, Sqlite(path).run):
        with pytest.raises(StoreError, match="newer version of the bridge has changed the store"):
            use(lambda t: t.rows("SELECT 1"))
    store.close()
