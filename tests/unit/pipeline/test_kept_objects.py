"""Objects that clients make and change: in memory or in the store, for their callers alone, up to a size."""

import pytest

from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.pipeline import response_store as module
from copilot_bridge.pipeline.kept_objects import KeptObjects
from copilot_bridge.pipeline.response_store import RESPONSE_TTL, ResponseStore, StoredResponse
from copilot_bridge.store import open_store

MEGABYTE = 1 << 20


@pytest.fixture
def store(tmp_path, clock):
    store = open_store(tmp_path)
    store.database._clock = clock
    yield store
    store.close()


@pytest.fixture
def workers(store, monkeypatch):
    """Two that share a store."""
    monkeypatch.setattr(ResponseStore, "start", lambda _self: None)
    monkeypatch.setattr(module, "GLANCES", (0.0,))
    stores = [ResponseStore(MEGABYTE, table=store.response_chains(MEGABYTE, RESPONSE_TTL)) for _ in range(2)]
    return [KeptObjects(store) for store in stores]


@pytest.fixture(params=["memory", "store"])
def objects(request, clock):
    if request.param == "memory":
        return KeptObjects(ResponseStore(MEGABYTE, clock))
    return request.getfixturevalue("workers")[0]


def test_an_object_is_written_changed_and_removed(objects, clock):
    objects.write("me", "conv_1", {"a": 1})
    assert objects.read("me", "conv_1") == {"a": 1}
    assert objects.read("you", "conv_1") is None
    assert objects.change("me", "conv_1", lambda kept: kept | {"b": 2}) == {"a": 1, "b": 2}
    assert objects.change("you", "conv_1", lambda kept: kept) is None
    clock.now += RESPONSE_TTL - 1
    assert objects.read("me", "conv_1") == {"a": 1, "b": 2}
    objects.write("me", "conv_1", {"c": 3})
    clock.now += RESPONSE_TTL - 1
    assert objects.read("me", "conv_1") == {"c": 3}, "a change makes it younger"
    assert objects.remove("me", "conv_1")
    assert not objects.remove("me", "conv_1")
    assert objects.read("me", "conv_1") is None


def test_an_object_that_is_too_large_is_refused(objects):
    with pytest.raises(BridgeError) as refused:
        objects.write("me", "conv_1", {"a": "x" * MEGABYTE})
    assert refused.value.kind == "too_large"


def test_another_worker_sees_each_change(workers):
    one, two = workers
    one.write("me", "conv_1", {"items": [1]})
    two.change("me", "conv_1", lambda kept: {"items": [*kept["items"], 2]})
    assert one.read("me", "conv_1") == {"items": [1, 2]}
    two.remove("me", "conv_1")
    assert one.read("me", "conv_1") is None


def test_objects_and_responses_have_names_of_their_own(workers):
    one, _ = workers
    one.write("me", "resp_1", {"a": 1})
    assert one._store.find("me", "resp_1") is None
    one._store.keep("me", "resp_1", StoredResponse(None, b'{"input":"x"}', b'{"output":[]}'))
    assert one.read("me", "resp_1") == {"a": 1}


def test_kept_objects_count_against_the_limit(workers, store):
    one, _ = workers
    for size in (1000, 10, 3000):
        one.write("me", "conv_1", {"a": "x" * size})
    rows = store.database.run(lambda t: t.rows("SELECT responses, bytes FROM response_chains"))
    ((content,),) = store.database.run(lambda t: t.rows("SELECT content FROM responses"))
    assert rows == [(1, len(content))]


def test_a_store_that_fails_is_told(workers, store, monkeypatch):
    def broken(*_args):
        raise StoreError("database or disk is full")

    monkeypatch.setattr(store.database, "run", broken)
    with pytest.raises(BridgeError) as refused:
        workers[0].write("me", "conv_1", {})
    assert refused.value.kind == "unavailable"


def test_a_response_that_another_worker_deleted_is_not_found(workers):
    one, two = (worker._store for worker in workers)
    for number in (1, 2):
        before = one.find("me", f"resp_{number - 1}") if number > 1 else None
        link = StoredResponse(before, b'{"input":"x"}', b'{"output":[{"type":"message"}]}')
        one.keep("me", f"resp_{number}", link)
    assert one.find("me", "resp_1"), "it is still to be written"
    one.flush()
    assert two.find("me", "resp_1").response() == {"output": [{"type": "message"}]}
    assert two.remove("me", "resp_1")
    assert one.find("me", "resp_1") is None
    assert not one.remove("me", "resp_1")
    assert len([*two.find("me", "resp_2").items()]) == 4, "what continues from it goes on"
    assert two.remove("me", "resp_2")
    assert two.find("me", "resp_2") is None


def test_an_object_of_an_earlier_version_is_read(workers, store):
    """Until 2026-11 it was a list of items."""
    one, two = (worker._store for worker in workers)
    table = store.response_chains(MEGABYTE, RESPONSE_TTL)
    name = module.stored_name("me", "resp_1")
    row = module.EncryptedResponse(name, name, "", table.encrypt(b'[{"role":"user","content":"x"}]'))
    table.write([row])
    found = one.find("me", "resp_1")
    assert [*found.items()] == [{"role": "user", "content": "x"}]
    one.keep("me", "resp_2", StoredResponse(found, b'{"input":"y"}', b'{"output":[]}'))
    one.flush()
    assert [item["content"] for item in two.find("me", "resp_2").items()] == ["x", "y"]
