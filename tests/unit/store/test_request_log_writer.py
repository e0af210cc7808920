"""The request log: every row once, whatever happens to the process."""

import subprocess
import sys

import orjson
import pytest

from copilot_bridge.errors import StoreError
from copilot_bridge.shared_memory.crash_log import CrashLog, left_behind
from copilot_bridge.shared_memory.shared_times import SharedTimes
from copilot_bridge.store import open_store
from copilot_bridge.store import request_log as request_log_module
from copilot_bridge.store import request_log_writer as module
from copilot_bridge.store.logged_request import RequestLogRow, values_in_order
from copilot_bridge.store.request_log_writer import Progress, RequestLogWriter

# A worker that is killed: "a" has ended, "b" has not, "c" has and is written already.
WORKER = """
import os, sys
from pathlib import Path
from copilot_bridge.store import open_store
from copilot_bridge.store import request_log as request_log_module
from copilot_bridge.store.logged_request import RequestLogRow, values_in_order
def row(id, outcome):
    return RequestLogRow(id, 1000.0, outcome=outcome)
store = open_store(Path(sys.argv[1]))
writer = store.request_log_writer(30, 100)
writer.start = lambda: None
writer._open_crash_log()
for id in "abc":
    writer.begin(row(id, "interrupted"))
writer.end(row("c", "ok"))
writer.flush()
writer.end(row("a", "ok"))
os.kill(os.getpid(), 9)
"""

# One that ends by itself right after a request, and has no crash log.
ENDING = """
import sys
from pathlib import Path
from copilot_bridge.store import open_store
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.store.request_log_writer import Progress, RequestLogWriter
store = open_store(Path(sys.argv[1]))
writer = RequestLogWriter(store.request_log, None, days=30, max_rows=100, clock=lambda: 1001.0)
writer._run = lambda: None
writer.end(RequestLogRow("a", 1000.0, outcome="ok"))
"""


def row(key, outcome="ok", at=1000.0):
    return RequestLogRow(key, at, outcome=outcome)


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def writer(store, tmp_path, monkeypatch):
    monkeypatch.setattr(RequestLogWriter, "start", lambda _self: None)
    return RequestLogWriter(
        store.request_log, tmp_path / "spool", days=30, max_rows=100, clock=lambda: 100 * 86_400.0
    )


def test_a_process_that_ends_writes_what_is_left(store, tmp_path):
    subprocess.run([sys.executable, "-c", ENDING, tmp_path], check=True)
    assert [row.id for row in store.request_log.latest(10)] == ["a"]


def test_other_processes_know_rows_that_are_still_to_be_written(store, writer, tmp_path):
    other = RequestLogWriter(
        store.request_log, tmp_path / "spool", days=30, max_rows=100, clock=lambda: 1001.0
    )
    writer._open_crash_log()
    writer.begin(row("a", "interrupted"))
    writer.begin(row("b", "interrupted"))
    writer.end(row("b", "ok"))
    assert {id_: other.pending(id_).outcome for id_ in "ab"} == {"a": "interrupted", "b": "ok"}
    assert other.pending("none") is None
    assert other.pending('a",1000.0,null') is None
    writer.flush()
    assert other.pending("a") is not None
    late = RequestLogWriter(
        store.request_log, tmp_path / "spool", days=30, max_rows=100, clock=lambda: 1061.0
    )
    assert late.pending("b") is None, "or a row that was removed again would be waited for"
    assert late.pending("a") is not None


def test_all_processes_know_the_running_requests(store, tmp_path):
    """Progress is noted only while somebody watches."""

    def process(now):
        options = {"days": 30, "max_rows": 100, "watched": SharedTimes(tmp_path / "watched")}
        return RequestLogWriter(store.request_log, tmp_path / "spool", clock=lambda: now, **options)

    worker, page = process(1001.0), process(1001.0)
    worker._open_crash_log()
    worker.begin(row("a", "interrupted", 1000.0), lambda: Progress(250, 4096, 30))
    worker.begin(row("b", "interrupted", 999.0), lambda: Progress())
    worker._note_progress()
    assert [(one.row.id, one.progress) for one in page.running()] == [("b", Progress()), ("a", Progress())]
    worker._note_progress()
    assert [(one.row.id, one.progress) for one in page.running()] == [
        ("b", Progress()),
        ("a", Progress(250, 4096, 30)),
    ]
    assert [one.row.id for one in worker.running()] == ["b", "a"]
    worker.end(row("a", "ok", 1000.0))
    assert [one.row.id for one in page.running()] == ["b"]
    worker._crash_log.close()
    assert page.running() == []


def outcomes(store):
    return {row.id: row.outcome for row in store.request_log.latest(10_000)}


def test_rows_are_written_in_batches(writer, store):
    for number in range(2500):
        writer.end(row(str(number)))
    assert store.request_log.count() == 0
    writer.flush()
    assert store.request_log.count() == 2500
    writer.flush()
    assert store.request_log.count() == 2500


def test_rows_that_arrive_while_a_batch_is_written_wait_for_the_next_one(writer, store, monkeypatch):
    """Under load there is always more: one transaction after the other would be for a row or two each."""
    write, sizes = store.request_log.write, []

    def busy(rows, _prompts):
        sizes.append(len(rows))
        writer.end(row(f"late {len(sizes)}"))
        write(rows)

    monkeypatch.setattr(store.request_log, "write", busy)
    writer.end(row("a"))
    writer.flush()
    assert sizes == [1]
    writer.flush()
    assert sizes == [1, 1]
    assert store.request_log.count() == 2


def test_rows_of_a_killed_worker_are_recovered_once(writer, store, tmp_path):
    done = subprocess.run([sys.executable, "-c", WORKER, tmp_path], check=False)
    assert done.returncode == -9
    assert outcomes(store) == {"c": "ok"}
    writer.recover()
    assert outcomes(store) == {"a": "ok", "b": "interrupted", "c": "ok"}
    assert list((tmp_path / "spool").iterdir()) == []
    writer.recover()
    assert store.request_log.count() == 3


def test_rows_of_a_live_worker_are_left_alone(writer, store, tmp_path):
    alive = CrashLog(tmp_path / "spool")
    alive.put("a", orjson.dumps(values_in_order(row("a", "interrupted"))))
    writer.recover()
    assert outcomes(store) == {}
    alive.close()
    assert list((tmp_path / "spool").iterdir()) == []


def test_rows_wait_in_memory_while_the_store_takes_none(writer, store, monkeypatch, caplog):
    def broken(*_args):
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store.database, "run", broken)
        for number in range(5):
            writer.end(row(str(number)))
            writer.flush()
    assert caplog.text.count("waits in memory") == 1
    writer.flush()
    assert len(outcomes(store)) == 5


def test_the_rows_in_memory_are_bounded(writer, store, monkeypatch):
    def broken(*_args):
        raise StoreError("database or disk is full")

    monkeypatch.setattr(module, "MAX_ROWS_IN_MEMORY", 10)
    with monkeypatch.context() as patch:
        patch.setattr(store.database, "run", broken)
        for number in range(50):
            writer.end(row(str(number)))
        writer.flush()
    writer.flush()
    assert sorted(outcomes(store)) == [str(number) for number in range(40, 50)]


def test_old_rows_and_rows_that_are_too_many_are_deleted(writer, store, monkeypatch):
    monkeypatch.setattr(request_log_module, "DELETE_BATCH", 7)
    day = 86_400.0
    for number in range(60):
        writer.end(row(f"old{number}", at=69 * day))
    for number in range(150):
        writer.end(row(f"new{number:03d}", at=71 * day + number))
    writer.flush()
    writer.prune()
    remaining = sorted(outcomes(store))
    assert remaining == [f"new{number:03d}" for number in range(50, 150)]


def test_zero_days_write_no_log(store, tmp_path):
    writer = RequestLogWriter(store.request_log, tmp_path / "spool", days=0, max_rows=10)
    writer.start()
    writer.begin(row("a", "interrupted"))
    writer.end(row("a"))
    writer.flush()
    assert store.request_log.count() == 0
    assert not (tmp_path / "spool").exists()


def test_rows_of_an_earlier_version_have_fewer_columns(writer, store, tmp_path):
    """Missing columns are unknown; a row with fewer than at first, or more than now, is dropped."""
    old = CrashLog(tmp_path / "spool")
    old.put("a", orjson.dumps(values_in_order(row("a", "interrupted"))[:18]))
    old.put("b", orjson.dumps(values_in_order(row("b", "interrupted"))[:17]))
    old.put("c", orjson.dumps([*values_in_order(row("c", "interrupted")), None]))
    old._lock.release()
    writer.recover()
    assert outcomes(store) == {"a": "interrupted"}


@pytest.mark.parametrize("content", [b"", b"\0", b"\0{", b"\1\n\n", b"\0[1]\nnull\n[\n", b"\xff" * 100])
def test_a_damaged_crash_log_is_removed(writer, store, tmp_path, content):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "x.spool").write_bytes(content)
    writer.recover()
    assert outcomes(store) == {}
    assert list((tmp_path / "spool").glob("*.spool")) == []


def test_rows_recovered_while_the_disk_is_full_stay_until_they_are_written(store, tmp_path, monkeypatch):
    """And is not lost with the process that has taken it over, if that ends as well."""
    subprocess.run([sys.executable, "-c", WORKER, tmp_path], check=False, timeout=60)
    write = store.request_log.write

    def full(*_args):
        raise StoreError("can't use the store: disk I/O error")

    monkeypatch.setattr(store.request_log, "write", full)
    RequestLogWriter(store.request_log, tmp_path / "spool", days=30, max_rows=100).recover()
    monkeypatch.setattr(store.request_log, "write", write)
    RequestLogWriter(store.request_log, tmp_path / "spool", days=30, max_rows=100).recover()
    assert sorted(ids(store)) == ["a", "b", "c"]


def test_a_crash_log_without_room_is_opened_later(store, writer, tmp_path, monkeypatch):
    """Rows that came meanwhile are noted as soon as there is room."""

    def full(_folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "CrashLog", full)
    writer._open_crash_log()
    writer.end(row("a"))
    monkeypatch.setattr(module, "CrashLog", CrashLog)
    writer._open_crash_log()
    writer._open_crash_log()
    assert len(list((tmp_path / "spool").glob("*.spool"))) == 1
    writer._crash_log._lock.release()
    ((line,),) = left_behind(tmp_path / "spool")
    assert orjson.loads(line)[0] == "a"


def ids(store):
    return [id_ for (id_,) in store.database.run(lambda t: t.rows("SELECT id FROM requests"))]
