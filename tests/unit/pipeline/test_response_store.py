"""Stored conversations: for a time, up to a size, each for its own caller."""

import json
import threading

import pytest

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller
from copilot_bridge.errors import StoreError
from copilot_bridge.pipeline import response_store as module
from copilot_bridge.pipeline.response_store import (
    OVERHEAD,
    RESPONSE_TTL,
    ResponseStore,
    StoredResponse,
    caller_of,
)
from copilot_bridge.store import open_store
from copilot_bridge.store.response_chains import ResponseChainTable
from copilot_bridge.store.sqlite import Sqlite


def link(text, response=(), before=None):
    return StoredResponse(
        before, json.dumps({"input": text}).encode(), json.dumps({"output": list(response)}).encode()
    )


@pytest.fixture
def response_store(clock):
    return ResponseStore(10_000 + 9 * OVERHEAD, clock)


def test_a_conversation_is_read_from_its_beginning():
    assistant_item = {"type": "message", "role": "assistant", "content": "b"}
    typed = {"role": "user", "content": "c"}
    second = link([typed], before=link("a", [assistant_item]))
    assert list(second.items()) == [
        {"type": "message", "role": "user", "content": "a"},
        assistant_item,
        typed,
    ]


def test_each_caller_has_its_own(response_store):
    response_store.keep("me", "resp_1", link("a"))
    assert response_store.find("me", "resp_1") == link("a")
    assert response_store.find("you", "resp_1") is None


def test_responses_are_kept_for_an_hour(response_store, clock):
    response_store.keep("me", "resp_1", link("a"))
    clock.now += RESPONSE_TTL - 1
    assert response_store.find("me", "resp_1")
    clock.now += 2
    assert response_store.find("me", "resp_1") is None


def test_a_continued_response_keeps_its_predecessor(response_store, clock):
    response_store.keep("me", "resp_1", link("a"))
    clock.now += RESPONSE_TTL - 1
    response_store.keep("me", "resp_2", link("b", before=response_store.find("me", "resp_1")))
    clock.now += 2
    assert len(list(response_store.find("me", "resp_2").items())) == 2


def test_the_store_keeps_the_newest_up_to_its_size(response_store):
    for number in range(100):
        response_store.keep("me", f"resp_{number}", link("x" * 1000))
    kept = [number for number in range(100) if response_store.find("me", f"resp_{number}")]
    assert kept == list(range(91, 100))


def test_shared_predecessors_count_for_each_response(response_store):
    last = None
    for number in range(100):
        last = link("x" * 1000, before=last)
        response_store.keep("me", f"resp_{number}", last)
    assert response_store.find("me", "resp_99") is None  # too long by itself
    kept = sum(found.size for n in range(100) if (found := response_store.find("me", f"resp_{n}")))
    assert kept <= 10_000 + 9 * OVERHEAD


def test_a_store_of_no_bytes_keeps_nothing():
    response_store = ResponseStore(0)
    response_store.keep("me", "resp_1", link(""))
    assert response_store.find("me", "resp_1") is None


def test_callers_are_distinguished_by_their_credentials():
    shown = [{}, {"authorization": "a"}, {"x-api-key": "a"}, {"authorization": "b"}, {"api-key": "a"}]
    assert (
        len({caller_of(LOCAL_OPERATOR, account, headers) for headers in shown for account in ("x", "y")})
        == 10
    )
    caller = caller_of(LOCAL_OPERATOR, "x", {"authorization": "a"})
    assert caller_of(LOCAL_OPERATOR, "x", {"authorization": "a", "user-agent": "1"}) == caller


def test_a_key_that_is_rotated_keeps_its_conversations():
    me, you = Caller("key:me"), Caller("key:you")
    caller = caller_of(me, "x", {"authorization": "old"})
    assert caller_of(me, "x", {"authorization": "new"}) == caller
    assert caller_of(you, "x", {"authorization": "new"}) != caller
    assert caller_of(me, "y", {"authorization": "new"}) != caller


MEGABYTE = 1 << 20
SAID = {"type": "message", "role": "assistant", "content": "b"}


@pytest.fixture
def still(monkeypatch):
    """Nothing is written but when the test says so, and nobody is waited for."""
    monkeypatch.setattr(ResponseStore, "start", lambda _self: None)
    monkeypatch.setattr(module, "GLANCES", (0.0,))


@pytest.fixture
def store(tmp_path, clock):
    store = open_store(tmp_path)
    store.database._clock = clock
    yield store
    store.close()


@pytest.fixture
def workers(store, still):
    """Two that share a store."""
    return [ResponseStore(MEGABYTE, table=store.response_chains(MEGABYTE, RESPONSE_TTL)) for _ in range(2)]


def test_another_worker_goes_on(workers):
    one, two = workers
    one.keep("me", "resp_1", link("a", [SAID]))
    assert two.find("me", "resp_1") is None
    one.flush()
    found = two.find("me", "resp_1")
    assert list(found.items()) == [{"type": "message", "role": "user", "content": "a"}, SAID]
    two.keep("me", "resp_2", link("c", before=found))
    two.flush()
    three = one.find("me", "resp_2")
    assert [item["content"] for item in three.items()] == ["a", "b", "c"]
    one.keep("me", "resp_3", link("d", before=three))
    one.flush()
    assert [item["content"] for item in two.find("me", "resp_3").items()] == ["a", "b", "c", "d"]


def test_another_caller_finds_nothing_in_the_store_either(workers):
    one, two = workers
    one.keep("me", "resp_1", link("a"))
    one.flush()
    assert two.find("you", "resp_1") is None
    assert two.find("me", "resp_1")


def test_a_response_is_kept_for_an_hour(workers, clock):
    one, two = workers
    one.keep("me", "resp_1", link("a"))
    one.flush()
    clock.now += RESPONSE_TTL - 1
    assert two.find("me", "resp_1"), "which does not make it younger"
    clock.now += 2
    assert two.find("me", "resp_1") is None
    two.prune()
    assert two.table.prune() is False


def test_all_responses_of_a_conversation_are_kept(workers):
    one, two = workers
    before = None
    for number in range(2000):
        before = link(f"{number}", before=before)
        one = ResponseStore(1 << 30, table=one.table) if number == 0 else one
        one.keep("me", f"resp_{number}", before)
        before = one.find("me", f"resp_{number}")
    one.flush()
    assert [item["content"] for item in two.find("me", "resp_1999").items()] == [f"{n}" for n in range(2000)]


def test_memory_has_to_do_where_the_store_fails(workers, store, monkeypatch, caplog):
    one, two = workers

    def broken(*_args):
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store.database, "run", broken)
        for number in range(5):
            one.keep("me", f"resp_{number}", link("a"))
            one.flush()
        one.prune()
        assert one.find("me", "resp_4")
        assert one.find("me", "resp_9") is None
    assert caplog.text.count("kept in memory only: database or disk is full") == 1
    one.keep("me", "resp_5", link("a"))
    one.flush()
    assert two.find("me", "resp_5")


def test_responses_of_another_encryption_key_are_dropped(workers, store, tmp_path, caplog):
    one, _ = workers
    one.keep("me", "resp_1", link("a"))
    one.flush()
    (tmp_path / "store.key").unlink()
    again = open_store(tmp_path)
    again.database._clock = store.database._clock
    assert (
        ResponseStore(MEGABYTE, table=again.response_chains(MEGABYTE, RESPONSE_TTL)).find("me", "resp_1")
        is None
    )
    assert "can't decrypt" in caplog.text
    again.close()


@pytest.mark.parametrize("most", [0, MEGABYTE], ids=["switched off", "no store"])
def test_without_persistence_nothing_is_written(tmp_path, most, still):
    store = open_store(tmp_path, persistent=not most)
    response_store = ResponseStore(most, table=store.response_chains(most, RESPONSE_TTL))
    response_store.keep("me", "resp_1", link("a"))
    assert response_store.flush() == 0
    assert response_store.find("me", "resp_2") is None
    assert list(tmp_path.iterdir()) == []


def test_unwritten_responses_are_bounded(store, still):
    response_store = ResponseStore(100 * OVERHEAD, table=store.response_chains(MEGABYTE, RESPONSE_TTL))
    for number in range(200):
        response_store.keep("me", f"resp_{number}", link("x" * OVERHEAD))
    assert sum(len(entry.given) for entry in response_store._waiting) <= 100 * OVERHEAD
    response_store.flush()
    assert not response_store._waiting
    response_store.keep("me", "resp_200", link("x"))
    assert response_store._waiting


def test_exit_waits_for_the_write_under_way(workers, monkeypatch):
    """The process ends after the flush at its exit, and its other threads with it."""
    one, _ = workers
    written, writing, on = [], threading.Event(), threading.Event()

    def slow(sealed):
        writing.set()
        on.wait(5)
        written.append(sealed)

    monkeypatch.setattr(one.table, "write", slow)
    one.keep("me", "resp_1", link("a"))
    thread = threading.Thread(target=one.flush)
    thread.start()
    writing.wait(5)
    threading.Timer(0.05, on.set).start()
    one.flush()
    assert written
    thread.join()


def test_a_response_is_written_and_found_by_another_worker(store):
    """A request waits while the other worker is writing the response."""
    one, two = (
        ResponseStore(MEGABYTE, table=store.response_chains(MEGABYTE, RESPONSE_TTL)) for _ in range(2)
    )
    found = []
    asking = threading.Thread(target=lambda: found.append(two.find("me", "resp_1")))
    asking.start()
    one.keep("me", "resp_1", link("a"))
    asking.join()
    assert found[0]


def test_old_ones_go_when_a_worker_starts(tmp_path, clock):
    database = Sqlite(tmp_path / "bridge.db", clock)
    store = open_store(tmp_path)
    gone = threading.Event()

    class Table(ResponseChainTable):
        def prune(self):
            more = super().prune()
            if not more:
                gone.set()
            return more

    # A table of its own: that it finds nothing to remove when it starts is no news.
    first = ResponseStore(
        MEGABYTE, table=ResponseChainTable(database, store.encryptor, max_bytes=MEGABYTE, ttl=RESPONSE_TTL)
    )
    first.keep("me", "resp_1", link("a"))
    first.flush()
    clock.now += RESPONSE_TTL
    ResponseStore(
        MEGABYTE, table=Table(database, store.encryptor, max_bytes=MEGABYTE, ttl=RESPONSE_TTL)
    ).start()
    assert gone.wait(5)
    assert database.run(lambda t: t.rows("SELECT count(*) FROM responses")) == [(0,)]
    database.close()
