"""The events of responses in the background, for readers at the same worker and at another."""

from types import SimpleNamespace

import pytest
from unit.pipeline.test_kept_objects import MEGABYTE, store, workers  # noqa: F401

from copilot_bridge.dialects.responses.background import failed_response, queued_response
from copilot_bridge.dialects.responses.background_events import BackgroundEvents
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import background
from copilot_bridge.pipeline import event_log as module
from copilot_bridge.pipeline.event_log import EventLog, batch_id, remove_events, written_batches

ID = "resp_1"
RESPONSE = queued_response(ID, 1, {"model": "m"})


@pytest.fixture
def one_and_two(workers):  # noqa: F811
    return workers


@pytest.fixture
def context(one_and_two, monkeypatch):
    """The other worker's."""
    two = one_and_two[1]
    monkeypatch.setattr(background, "owner", lambda _context, _headers: "me")
    monkeypatch.setattr(background, "GLANCE", 0.001)
    config = SimpleNamespace(keepalive=0.002)
    bridge = SimpleNamespace(kept_objects=two, response_store=two._store, background_jobs={}, config=config)
    return SimpleNamespace(bridge=bridge)


def deltas(*numbers):
    return [{"type": "response.output_text.delta", "sequence_number": number} for number in numbers]


def numbers_of(events):
    return [event["sequence_number"] for event in events if event]


def test_another_worker_reads_what_one_has_written(one_and_two, context):
    log = EventLog(one_and_two[0], "me", ID)
    log.add(deltas(0, 1))
    log.add(deltas(2))
    log.end()
    assert numbers_of(background.stream(context, {}, ID)) == [0, 1, 2]
    assert numbers_of(background.stream(context, {}, ID, after=1)) == [2]


def test_a_reader_that_is_ahead_sleeps_through_earlier_events(one_and_two):
    """Each of them would be a sign of life to its client otherwise."""
    log = EventLog(one_and_two[0], "me", ID)
    log.add(deltas(0))
    add = log.add
    waits = []

    class News:
        def wait(self, timeout):
            waits.append(timeout)
            add(deltas(len(waits)))  # sets another one
            log._news = News()
            return True

        def set(self):
            pass

    log._news = News()
    assert numbers_of(log.since(3, 60.0)) == [3]
    assert len(waits) == 3


def test_another_worker_waits_for_more(one_and_two, context):
    one = one_and_two[0]
    one.write("me", ID, {"response": RESPONSE, "seen": 4e9})
    log = EventLog(one, "me", ID)
    log.add(deltas(0))
    events = background.stream(context, {}, ID)
    assert next(events) == deltas(0)[0]
    assert next(events) is None, "a sign of life"
    log.add(deltas(1))
    log.end()
    assert numbers_of(events) == [1]


def test_a_response_that_is_lost_with_its_process_ends_in_a_failure(one_and_two, context):
    one = one_and_two[0]
    one.write("me", ID, {"response": RESPONSE, "seen": 0})
    EventLog(one, "me", ID).add(deltas(0))
    first, last = background.stream(context, {}, ID)
    assert (first["sequence_number"], last["sequence_number"], last["type"]) == (0, 1, "response.failed")
    assert background.LOST in last["response"]["error"]["message"]


def test_batches_are_fewer_the_more_there_are(one_and_two, monkeypatch):
    one, now = one_and_two[0], [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    log = EventLog(one, "me", ID)
    for number in range(6000):  # ten minutes
        now[0] += 0.1
        log.add(deltas(number))
    log.end()
    batches = [*written_batches(one, "me", ID, 0)]
    assert len(batches) < 200
    assert numbers_of(event for batch in batches for event in batch["events"]) == [*range(6000)]
    assert [batch["ended"] for batch in batches] == [False] * (len(batches) - 1) + [True]
    remove_events(one, "me", ID)
    assert one.read("me", batch_id(ID, 0)) is None


def test_events_that_have_no_room_are_read_at_their_own_worker(one_and_two, caplog):
    log = EventLog(one_and_two[0], "me", ID)
    log.add([{"sequence_number": 0, "delta": "x" * MEGABYTE}])
    log.end()
    assert numbers_of(log.since(0, 1.0)) == [0]
    assert "can't be kept" in caplog.text


def test_the_events_have_one_id_and_numbers_without_gaps():
    given = [
        ("response.created", {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}),
        (
            "response.in_progress",
            {"type": "response.in_progress", "response": {"id": "r", "status": "in_progress"}},
        ),
        ("x", {"type": "x", "sequence_number": 7}),
        (
            "response.completed",
            {"type": "response.completed", "response": {"id": "r", "status": "completed"}},
        ),
    ]
    events = BackgroundEvents(RESPONSE)
    found = [*events.begin(), *events.feed(RESPONSES.framing.encode(given) + b": ping\n\n")]
    assert [event["type"] for event in found] == [
        "response.created",
        "response.queued",
        "response.in_progress",
        "x",
        "response.completed",
    ]
    assert numbers_of(found) == [0, 1, 2, 3, 4]
    assert {event["response"]["id"] for event in found if "response" in event} == {ID}
    assert events.ended
    assert events.response["status"] == "completed"


def test_a_failure_is_the_last_event():
    events, error = BackgroundEvents(RESPONSE), BridgeError("no", kind="unavailable")
    events.begin()
    failed = events.fail(error)
    assert (failed["sequence_number"], failed["type"], events.ended) == (2, "response.failed", True)
    assert failed["response"]["error"] == failed_response(RESPONSE, error)["error"]
