"""The SQLite database: private, migrated, shared by processes, and never in the way of serving."""

import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from copilot_bridge.errors import StoreError
from copilot_bridge.store import sqlite as module
from copilot_bridge.store import sqlite_connection as channel
from copilot_bridge.store.schema import LOG_NAMES, MIGRATIONS
from copilot_bridge.store.sqlite import Sqlite

COUNT = "SELECT count(*) FROM notes"
PUT = "INSERT INTO notes (name, value) VALUES (?, ?)"

# Commits row after row, and says so of each when it is committed.
WRITER = """
import sys
from pathlib import Path
from copilot_bridge.store.sqlite import Sqlite
database = Sqlite(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    database.run(lambda t: t.change("INSERT INTO notes (name, value) VALUES (?, ?)", name, "x" * 300))
    sys.stdout.write(name + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "bridge.db"


@pytest.fixture
def database(path):
    database = Sqlite(path)
    yield database
    database.close()


def notes(database):
    return {
        name
        for (name,) in database.run(lambda t: t.rows("SELECT name FROM notes WHERE name <> 'schema-needs'"))
    }


def test_committed_rows_are_there_for_other_processes(database, path):
    assert database.run(lambda t: t.change(PUT, "a", "1")) == 1
    other = Sqlite(path)
    assert other.run(lambda t: t.rows("SELECT name, value FROM notes WHERE name <> 'schema-needs'")) == [
        ("a", "1")
    ]
    other.close()


def test_a_failed_transaction_changes_nothing(database):
    def half(transaction):
        transaction.change(PUT, "a", "1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run(half)
    assert notes(database) == set()


def test_a_database_in_memory_writes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database = Sqlite(None)
    database.run(lambda t: t.change(PUT, "a", "1"))
    assert notes(database) == {"a"}
    assert database.check() is None
    with database.lock("x"), database.lock("y"):
        pass
    assert list(tmp_path.iterdir()) == []
    database.close()


def test_files_are_private_from_the_first_moment(path):
    before = os.umask(0)
    try:
        database = Sqlite(path)
        database.run(lambda t: t.change(PUT, "a", "1"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes.pop("locks") == 0o700
    assert modes.keys() == {"bridge.db", "bridge.db-wal", "bridge.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_names_of_the_migrations_are_in_order():
    names = [name for name, _ in MIGRATIONS]
    assert [name[:4] for name in names] == [f"m{number:03d}" for number in range(1, len(names) + 1)]


# Databases that have made a step never make it again, so a step that somebody may have made must not change.
MADE = {
    "m001_first_release": "1d645bedba74ca14",
    "m002_charges": "379693904367b101",
    "m003_waits": "26f8e53e323e2991",
    "m004_budgets": "0cfcd51a5ae3069f",
    "m005_prompt_cache": "40b844fa4b311fb0",
    "m006_fallbacks": "f3a72dbe52c33abd",
    "m007_web": "2f742234a33084e8",
    "m008_uploads": "021f0fbf6f31628b",
    "m009_log_names": "b41f74e8d5815994",
    "m010_rollups": "dffaac6c2f3f9453",
}


def test_the_steps_that_databases_have_made_have_not_changed():
    digests = {name: hashlib.sha256("\n".join(step).encode()).hexdigest()[:16] for name, step in MIGRATIONS}
    assert digests == MADE


def test_rows_from_before_a_column_was_renamed_have_the_new_one(database, path):
    """Also in a database that was made before the column had another name."""
    statements = [
        "DELETE FROM migrations WHERE name = 'm009_log_names'",
        *(f"ALTER TABLE requests DROP COLUMN {new}" for new in LOG_NAMES.values()),
        (
            f"INSERT INTO requests (id, at, caller, {', '.join(LOG_NAMES)})"
            " VALUES ('1', 1, 'me', 'm', 'a', 'b', 'f')"
        ),
    ]
    database.run(lambda t: [t.change(statement) for statement in statements])
    database.close()
    later = Sqlite(path)
    assert later.run(lambda t: t.rows(f"SELECT {', '.join(LOG_NAMES.values())} FROM requests")) == [
        ("m", "a", "b", "f")
    ]
    later.close()


def test_a_database_of_a_newer_version_with_added_steps_is_used(database, path):
    database.run(lambda t: t.change("INSERT INTO migrations (name, at) VALUES ('m999_more', 1)"))
    other = Sqlite(path)
    other.run(lambda t: t.change(PUT, "a", "1"))
    other.close()


DAMAGES = {
    "no database": lambda path: path.write_bytes(b"hello" * 1000),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "zeros in the middle": lambda path: overwrite(path, 4096, 20 * 4096),
}


def overwrite(path, start, end):
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\0" * (end - start))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_raises_a_store_error(path, damage):
    whole = Sqlite(path)
    for number in range(50):
        whole.run(lambda t, number=number: t.change(PUT, f"{number}", "x" * 1000))
    whole.close()
    DAMAGES[damage](path)
    database = Sqlite(path)
    problem = database.check()
    assert str(path) in problem
    assert "\n" not in problem
    with pytest.raises(StoreError):
        database.run(lambda t: t.rows("SELECT * FROM notes"))
    database.close()


def test_a_running_process_uses_the_file_that_replaces_a_damaged_one(database, path, monkeypatch):
    """A process that runs on finds the file that was put in its place."""
    monkeypatch.setattr(channel, "RECONNECT_INTERVAL", 0)
    database.run(lambda t: t.change(PUT, "a", "1"))
    database.close()
    path.write_bytes(b"hello" * 1000)
    for _ in range(3):
        with pytest.raises(StoreError, match="move it away"):
            database.run(lambda t: t.rows(COUNT))
    path.unlink()
    database.run(lambda t: t.change(PUT, "b", "1"))
    assert notes(database) == {"b"}


CLOSED_AT_WORK = """
import sys
if sys.argv[2] == "gevent":
    from gevent import monkey
    monkey.patch_all()
import os
import threading
import time
from pathlib import Path
from copilot_bridge.store.sqlite import Sqlite
database = Sqlite(Path(sys.argv[1]))
hold, let_go = os.pipe()
begun, found = [], []
def work(transaction):
    begun.append(True)
    os.read(hold, 1)
    return transaction.rows("SELECT 1")
worker = threading.Thread(target=lambda: found.append(database.run(work)))
worker.start()
while not begun:
    time.sleep(0.001)
closer = threading.Thread(target=database.close)
closer.start()
closer.join(0.1)
os.write(let_go, b".")
worker.join()
closer.join()
assert found == [[(1,)]], found
assert database.run(lambda transaction: transaction.rows("SELECT 2")) == [(2,)]
"""


@pytest.mark.parametrize(("code", "opened"), [(sqlite3.SQLITE_IOERR_SHORT_READ, 2), (sqlite3.SQLITE_FULL, 1)])
def test_a_file_whose_journal_another_process_removed_is_opened_again(path, monkeypatch, code, opened):
    prepare, openings = module.prepare, []

    def prepare_as_the_other_closes(connection, clock):
        openings.append(connection)
        if len(openings) == 1:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = code
            raise error
        prepare(connection, clock)

    monkeypatch.setattr(module, "prepare", prepare_as_the_other_closes)
    database = Sqlite(path)
    failure = database.check()
    assert (len(openings), failure is None) == (opened, opened == 2)
    database.close()


@pytest.mark.parametrize("threads", ["gevent", "plain"])
def test_a_connection_is_not_closed_while_it_is_in_use(path, threads):
    """SQLite does not survive that: the process would be gone."""
    subprocess.run([sys.executable, "-c", CLOSED_AT_WORK, path, threads], check=True, timeout=60)


def test_a_database_that_can_not_be_opened_is_tried_again_only_later(path, monkeypatch):
    path.parent.mkdir()
    path.write_bytes(b"hello" * 1000)
    database = Sqlite(path)
    tries = []
    monkeypatch.setattr(module, "connect", lambda *given: tries.append(given) or sqlite3.connect(given[0]))
    for _ in range(5):
        with pytest.raises(StoreError):
            database.run(lambda t: t.rows(COUNT))
    assert len(tries) == 1


def test_a_full_disk_loses_nothing_and_writes_go_on_when_there_is_room(database, path):
    """Stored rows stay; writing continues when there is room again."""
    database.run(lambda t: t.change(PUT, "a", "1"))
    ((pages,),) = database.run(lambda t: t.rows("PRAGMA page_count"))
    database._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        database.run(lambda t: t.change(PUT, "b", "x" * 100_000))
    assert "full" in database.check()
    assert notes(database) == {"a"}
    database._writer._connection.execute("PRAGMA max_page_count = 100000")
    assert database.check() is None
    database.run(lambda t: t.change(PUT, "b", "x" * 100_000))
    assert notes(database) == {"a", "b"}


def test_a_writer_waits_for_another_writer(database, path):
    other = sqlite3.connect(path.parent / "bridge.db", isolation_level=None) if path.exists() else None
    database.run(lambda t: t.change(PUT, "a", "1"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = threading.Event()

    def write():
        begun.set()
        database.run(lambda t: t.change(PUT, "b", "1"))

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    thread.join(0.1)
    assert thread.is_alive()
    other.execute("COMMIT")
    other.close()
    thread.join(5)
    assert notes(database) == {"a", "b"}


def test_a_writer_that_waits_too_long_gets_an_error(database, path, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_TIMEOUT", 0.05)
    database.run(lambda t: t.change(PUT, "a", "1"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has been holding it"):
        database.run(lambda t: t.change(PUT, "b", "1"))
    other.close()


def writer(path, name, rows):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, path, name, str(rows)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_processes_that_make_a_database_at_once_lose_no_row(path):
    """Each finds all tables; no row is lost, and nobody hears of a lock."""
    writers = [writer(path, f"writer{number}", 40) for number in range(4)]
    names = set()
    for process in writers:
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, b"")
        names |= set(out.decode().split())
    database = Sqlite(path)
    assert notes(database) == names
    assert len(names) == 160
    database.close()


def test_a_process_killed_at_any_moment_loses_no_committed_row(path):
    """Committed rows are there, and the database is intact."""
    committed = set()
    for number in range(16):
        process = writer(path, f"run{number}", 10_000)
        wanted = 1 + number * 7 % 23
        for _ in range(wanted):
            committed.add(process.stdout.readline().decode().strip())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=10)
        whole = rest.decode().split("\n")[:-1]  # but for the first, of which the start may have been read
        committed |= {line for line in whole if line.startswith(f"run{number}-")}
        if number % 4 == 3:
            database = Sqlite(path)
            assert database.check() is None
            assert committed <= notes(database)
            database.close()
    assert len(committed) >= 16
