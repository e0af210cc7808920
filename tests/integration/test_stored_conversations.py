"""`previous_response_id` over the end of a worker and of the bridge: from the store, for the same caller."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from integration.harness import PATIENCE, Bridge, Json, Response, Simulator, Start, new_token

PATH = "/v1/responses"
MODEL = "gpt-5.3-codex"
GONE = (400, "previous_response_not_found")


def post(bridge: Bridge, given: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return bridge.request("POST", PATH, {"model": MODEL, "input": given, **more}, headers or {})


def response_id_of(response: Response) -> str:
    assert response.status == 200, response.body
    return str(response.json["id"])


def verdict(response: Response) -> tuple[int, Any]:
    return response.status, response.error["code"]


def links(bridge: Bridge) -> int:
    with closing(sqlite3.connect(bridge.home / "bridge.db")) as database:
        return int(database.execute("SELECT count(*) FROM responses").fetchone()[0])


def wait_for_links(bridge: Bridge, number: int) -> None:
    end = time.monotonic() + PATIENCE
    while links(bridge) < number:
        assert time.monotonic() < end, "it is not written"
        time.sleep(0.005)


@contextmanager
def asleep(bridge: Bridge, pid: int) -> Iterator[None]:
    """It takes no connection, so that another worker does.

    It is stopped while the test has the database to itself: a worker that is stopped in the middle of a
    transaction would keep all others from writing.
    """
    with closing(sqlite3.connect(bridge.home / "bridge.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def two_workers(bridge: Bridge) -> list[int]:
    """As soon as both are there and have served."""
    end = time.monotonic() + 10
    while len(bridge.workers()) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    for pid in bridge.workers():
        with asleep(bridge, pid):
            bridge.warm()
    return bridge.workers()


def test_another_worker_goes_on_with_a_conversation(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """In turn: each continues from the other's last response."""
    bridge = start_bridge(workers=2, server="gunicorn")
    one, two = two_workers(bridge)
    with asleep(bridge, one):
        id_ = response_id_of(post(bridge, f"the secret word is {mark}"))
        wait_for_links(bridge, 1)
    for number, sleeper in enumerate([two, one, two], 2):
        with asleep(bridge, sleeper):
            id_ = response_id_of(post(bridge, f"go on, {number}", previous_response_id=id_))
            wait_for_links(bridge, number)
    sent_text = json.dumps(simulator.ledger(mark)[-1]["body"])
    places = [sent_text.index(text) for text in (mark, "go on, 2", "go on, 3", "go on, 4")]
    assert places == sorted(places)
    stranger = {"Authorization": "Bearer somebody else"}
    assert verdict(post(bridge, "go on", stranger, previous_response_id=id_)) == GONE


def test_every_worker_knows_a_response_at_once(start_bridge: Start) -> None:
    """An agent's next request comes as soon as it has the response."""
    bridge = start_bridge(workers=2, server="gunicorn")
    two_workers(bridge)
    id_ = response_id_of(post(bridge, "hello"))
    for _ in range(30):
        id_ = response_id_of(post(bridge, "go on", previous_response_id=id_))


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_a_conversation_outlives_a_restart(
    start_bridge: Start, simulator: Simulator, mark: str, server: str
) -> None:
    """Even one that comes right after the response."""
    settings = {"server": server, "github_token": new_token(), "api_key": "one,two"}
    bridge = start_bridge(**settings).warm_up("one")
    id_ = response_id_of(post(bridge, f"hello {mark}", {"x-api-key": "one"}))
    bridge.ask_to_stop()
    bridge.wait()
    for path in bridge.home.rglob("*"):
        assert path.is_dir() or mark.encode() not in path.read_bytes(), f"{path} can be read by anybody"
    again = start_bridge(home=bridge.home, **settings)
    assert verdict(post(again, "go on", {"x-api-key": "two"}, previous_response_id=id_)) == GONE
    assert response_id_of(post(again, "go on", {"x-api-key": "one"}, previous_response_id=id_))
    assert len(simulator.ledger(mark)) == 2


def test_a_killed_worker_loses_no_conversation(start_bridge: Start) -> None:
    """A finished response is kept; one that was being made never was."""
    bridge = start_bridge(server="gunicorn").warm()
    id_ = response_id_of(post(bridge, "hello"))
    wait_for_links(bridge, 1)
    body: Json = {"model": MODEL, "input": "[[sim:flood events=100 size=10 gap=50]]", "stream": True}
    stream = bridge.dial("POST", PATH, json.dumps(body).encode())
    created = next(frame for frame in stream.frames() if b"response.created" in frame.raw)
    half = json.loads(created.raw.partition(b"\ndata: ")[2])["response"]["id"]
    os.kill(bridge.workers()[0], signal.SIGKILL)
    assert response_id_of(post(bridge, "go on", previous_response_id=id_))
    assert verdict(post(bridge, "go on", previous_response_id=half)) == GONE


def test_a_response_with_store_false_is_not_written(start_bridge: Start) -> None:
    bridge = start_bridge(workers=2, server="gunicorn")
    one, two = two_workers(bridge)
    with asleep(bridge, one):
        private = response_id_of(post(bridge, "hello", store=False))
        response_id_of(post(bridge, "hello"))
        wait_for_links(bridge, 1)
    with asleep(bridge, two):
        assert verdict(post(bridge, "go on", previous_response_id=private)) == GONE
    assert links(bridge) == 1


def test_no_response_is_stored_when_it_is_switched_off(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", response_store_mb=0).warm()
    response_id_of(post(bridge, "hello"))
    bridge.ask_to_stop()
    bridge.wait()
    assert links(bridge) == 0


def test_a_store_that_can_not_be_written_fails_no_request(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", log_level="info").warm()
    id_ = response_id_of(post(bridge, "hello"))
    wait_for_links(bridge, 1)
    with closing(sqlite3.connect(bridge.home / "bridge.db", isolation_level=None)) as database:
        database.execute("DROP TABLE responses")  # it is damaged
    for _ in range(3):
        id_ = response_id_of(post(bridge, "go on", previous_response_id=id_))
    bridge.log.wait_for(lambda line: "conversations can't be stored" in line)
