"""A store that does not respond delays no request, and one probe at a time looks for its return."""

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from copilot_bridge.errors import StoreBusy, StoreError, StoreUnavailable
from copilot_bridge.store import guarded_database as module
from copilot_bridge.store import open_store
from copilot_bridge.store.guarded_database import GuardedDatabase
from copilot_bridge.store.sqlite import Sqlite

PUT = "INSERT INTO notes (name, value) VALUES (?, '')"
NAMES = "SELECT name FROM notes WHERE name <> 'schema-needs'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


def hold(path: Path, how: str = "BEGIN IMMEDIATE") -> sqlite3.Connection:
    """As another program that does not end its transaction."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(how)
    other.execute("DELETE FROM notes WHERE name <> 'schema-needs'")
    return other


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_reads_do_not_wait_for_a_writer(path: Path, how: str) -> None:
    database = Sqlite(path)
    database.run(lambda t: t.change(PUT, "a"))
    other = hold(path, how)
    assert database.read(lambda t: t.rows(NAMES), 0.5) == [("a",)]
    fresh = Sqlite(path)  # a bridge that is started meanwhile
    assert fresh.read(lambda t: t.rows(NAMES), 0.5) == [("a",)]
    other.close()


def test_a_locked_database_costs_one_deadline_and_then_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.01)
    monkeypatch.setattr(module, "PROBE_EXTRA_TIME", 0.0)
    database = Sqlite(path)
    guard, outages = GuardedDatabase(database, 0.2), []
    guard.on_outage_change(lambda: outages.append(guard.outage))
    guard.run(lambda t: t.change(PUT, "a"))
    other = hold(path)
    began = time.monotonic()
    with pytest.raises(StoreBusy, match="another program"):
        guard.run(lambda t: t.change(PUT, "b"))
    first = time.monotonic() - began
    wait_until(lambda: guard.outage is not None)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreUnavailable, match="another program"):
            guard.run(lambda t: t.change(PUT, "b"))
    assert time.monotonic() - began < first
    assert guard.outage is not None
    assert guard.outage.readable
    assert guard.read(lambda t: t.rows(NAMES)) == [("a",)], "what can be read is read"
    other.close()
    wait_until(lambda: guard.outage is None)
    guard.run(lambda t: t.change(PUT, "c"))
    wait_until(lambda: len(outages) == 2)
    assert [bool(outage) for outage in outages] == [True, False]


def test_a_request_waits_once_however_often_it_uses_the_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.01)

    class Hung(Sqlite):
        def read(self, work, timeout=None):  # type: ignore[no-untyped-def]
            time.sleep(timeout)
            raise StoreUnavailable("no answer")

        run = read

    guard = GuardedDatabase(Hung(path), 0.6)
    began = time.monotonic()
    for use in (guard.read, guard.read, guard.run):
        with pytest.raises(StoreError):
            use(lambda t: None)
    assert time.monotonic() - began < 1.2
    for name in ("read", "run"):
        monkeypatch.setattr(Hung, name, getattr(Sqlite, name))
    wait_until(
        lambda: not (guard._reads.probing or guard._writes.probing)
    )  # or it would log in the next test


def test_a_busy_database_does_not_count_as_down(path: Path) -> None:
    """Or a burst would be counted by each process alone, and pass."""

    class Busy(Sqlite):
        def run(self, work, timeout=None):  # type: ignore[no-untyped-def]
            if timeout == 0.1:
                raise StoreUnavailable("too late")
            return super().run(work, timeout)

    guard = GuardedDatabase(Busy(path), 0.1)
    for _ in range(5):
        with pytest.raises(StoreBusy):
            guard.run(lambda t: None)
    wait_until(lambda: not guard._writes.probing)
    assert guard.outage is None


def wait_until(done: object) -> None:
    end = time.monotonic() + 10
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_one_thread_probes_whether_the_database_is_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.01)
    looks: list[int] = []

    class Down(Sqlite):
        def run(self, work, timeout=None):  # type: ignore[no-untyped-def]
            looks.append(threading.get_ident())
            raise StoreUnavailable("down")

    guard = GuardedDatabase(Down(path), 0.1)
    with pytest.raises(StoreBusy):
        guard.run(lambda t: None)
    wait_until(lambda: guard.outage is not None)
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            guard.run(lambda t: None)
    wait_until(lambda: len(looks) > 5)
    assert len(set(looks)) == 2, "the caller's, once, and the one that looks"
    monkeypatch.setattr(Down, "run", Sqlite.run)
    wait_until(lambda: guard.outage is None)


def test_a_faulty_statement_does_not_stop_other_uses(path: Path) -> None:
    guard = GuardedDatabase(Sqlite(path), 1.0)
    with pytest.raises(StoreError) as caught:
        guard.run(lambda t: t.change("INSERT INTO notes (name) VALUES (NULL)"))
    assert not isinstance(caught.value, StoreUnavailable)
    assert guard.outage is None
    guard.run(lambda t: t.change(PUT, "a"))


# Many greenlets at once, while another program holds the lock: none waits longer than its deadline, streams
# (the ticks) go on, and nothing that was given up is written later.
LOCKED = """
from gevent import monkey
monkey.patch_all()
import sqlite3, sys, time
import gevent
from pathlib import Path
from copilot_bridge.errors import StoreUnavailable
from copilot_bridge.store.sqlite import Sqlite
path = Path(sys.argv[1])
database = Sqlite(path)
database.run(lambda t: t.change("INSERT INTO notes (name, value) VALUES ('a', '')"))
other = sqlite3.connect(path, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        gevent.sleep(0.01)
ticking = gevent.spawn(tick)
def use(number):
    began = time.monotonic()
    try:
        put = "INSERT INTO notes (name, value) VALUES (?, '')"
        database.run(lambda t: t.change(put, f"late{number}"), 0.3)
    except StoreUnavailable:
        return time.monotonic() - began
jobs = [gevent.spawn(use, number) for number in range(50)]
gevent.joinall(jobs)
waits = [job.value for job in jobs]
assert all(wait and 0.2 < wait < 0.8 for wait in waits), waits
gaps = [later - sooner for sooner, later in zip(ticks, ticks[1:])]
assert max(gaps) < 0.25, max(gaps)
other.execute("COMMIT")
database.run(lambda t: None)
assert ("a",) in database.read(lambda t: t.rows("SELECT name FROM notes"))
ticking.kill()
database.close()
"""


def test_a_locked_database_holds_up_no_greenlet_for_longer_than_its_deadline(path: Path) -> None:
    subprocess.run([sys.executable, "-c", LOCKED, path], check=True, timeout=60)


@pytest.mark.parametrize("put", [None, b"", "another"])
def test_a_file_that_was_deleted_or_replaced_is_noticed(
    path: Path, tmp_path: Path, put: bytes | str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleted, emptied by a replacement, or replaced: no word goes into a file that nobody sees."""
    store = open_store(tmp_path)
    store.key_values.write("x", {"a": 1})
    if put == "another":
        other = Sqlite(tmp_path / "other" / "bridge.db")
        other.run(lambda t: t.change(PUT, "of the other"))
        other.close()
        other.path.replace(path)  # type: ignore[union-attr]
    else:
        path.unlink()
        if put is not None:
            path.write_bytes(put)
    store.key_values.write("y", {"b": 2})
    assert ("replaced" if put is not None else "deleted") in caplog.text
    fresh = Sqlite(path)
    assert fresh.check() is None
    names = fresh.read(lambda t: t.rows("SELECT name FROM key_values"))
    assert names == [("y",)]
    if put == "another":
        assert fresh.read(lambda t: t.rows(NAMES)) == [("of the other",)]
    store.close()
