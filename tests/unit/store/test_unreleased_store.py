"""A store from before the first release is taken over, and its program refuses the new one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from unreleased import KEY_OF_STORE, check_taken_over, make_unreleased

from copilot_bridge.errors import StoreError
from copilot_bridge.store import open_store, schema
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.request_log_writer import read_row
from copilot_bridge.store.sqlite import Sqlite

TABLES = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "bridge.db"


def test_everything_worth_keeping_is_taken_over_and_the_log_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_unreleased(path)
    store = open_store(path.parent, key=KEY_OF_STORE)
    check_taken_over(store)
    assert caplog.text.count("from before the first release") == 1
    store.close()
    again = open_store(path.parent, key=KEY_OF_STORE)
    check_taken_over(again)
    assert caplog.text.count("from before the first release") == 1
    again.close()


def test_a_migrated_store_has_the_tables_of_a_new_one(path: Path) -> None:
    make_unreleased(path)
    old, new = Sqlite(path), Sqlite(None)
    assert old.read(lambda t: t.rows(TABLES)) == new.read(lambda t: t.rows(TABLES))
    steps = old.read(lambda t: t.rows("SELECT name FROM migrations ORDER BY name"))
    assert [name for (name,) in steps] == [name for name, _ in schema.MIGRATIONS]
    old.close()
    new.close()


def test_a_store_of_a_still_older_version_is_taken_over(path: Path) -> None:
    """It lacks tables and columns; a name that a key has is not free for the next one."""
    make_unreleased(
        path,
        "DROP TABLE key_names",
        "DROP TABLE request_hours",
        "DROP TABLE lessons",
        "DROP TABLE rests_of_parts",
        "DROP INDEX requests_in_order",
        "ALTER TABLE keys DROP COLUMN generation",
        "ALTER TABLE requests DROP COLUMN mended",
        "ALTER TABLE requests DROP COLUMN session",
    )
    store = open_store(path.parent, key=KEY_OF_STORE)
    assert {key.name for key in store.keys.all()} == {"laptop", "phone", "guest"}
    store.keys.revoke("laptop", KEY)
    store.keys.add(Key("laptop", KEY, b""))
    assert "key:laptop#2" in {key.id for key in store.keys.all()}
    row = store.request_log.find("c")
    assert row is not None
    assert (row.outcome, row.adaptations, row.session) == ("interrupted", None, None)
    store.close()


def test_the_earlier_program_refuses_the_new_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_unreleased(path)
    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM migrations ORDER BY name")]
    Sqlite(path).run(lambda t: None)
    monkeypatch.setattr(schema, "MIGRATIONS", [(name, ()) for name in names])
    with pytest.raises(StoreError, match="newer version of the bridge has changed the store"):
        Sqlite(path).read(lambda t: t.rows("SELECT 1"))


def test_a_row_that_a_killed_process_of_then_left_has_the_outcome_of_today() -> None:
    line = orjson.dumps(["a", 1000.0, "local", *[None] * 6, "cut", *[None] * 8])
    row = read_row(line)
    assert row is not None
    assert (row.outcome, row.id) == ("interrupted", "a")
