"""Rate limits hold for all workers and over restarts, in order, and end with a disconnect."""

import re
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from integration.harness import (
    KEEPALIVE,
    PATIENCE,
    Bridge,
    Response,
    Simulator,
    Start,
    chat_body,
    environment,
    new_mark,
    new_token,
)

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

# s: the time from admission to the clock of the simulator varies from request to request, and on a busy
# machine by much.
SLACK = 0.3


def starts(simulator: Simulator, mark: str) -> list[float]:
    return sorted(entry["started"] for entry in simulator.ledger(mark))


def test_a_request_too_early_is_a_429_in_each_dialect(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(rate_limit=60, server="gevent")
    assert bridge.chat(f"hello {mark}").status == 200
    response = bridge.chat(f"hello {mark}")
    assert response.status == 429
    assert response.error["type"] == "rate_limit_error"
    assert 50 <= int(response.headers["retry-after"]) <= 60
    messages = {
        "model": "claude-sonnet-4.5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": mark}],
    }
    refused = bridge.request("POST", "/v1/messages", messages)
    assert (refused.status, refused.json["error"]["type"]) == (429, "rate_limit_error")
    assert bridge.request("GET", "/v1/models").status == 200
    assert len(simulator.ledger(mark)) == 1


def test_a_limit_outlives_a_restart(start_bridge: Start) -> None:
    first = start_bridge(rate_limit=60, server="gevent")
    assert first.chat("hello").status == 200
    first.stop()
    second = start_bridge(rate_limit=60, server="gevent", home=first.home, github_token=first.github_token)
    assert second.chat("hello").status == 429


def test_four_workers_space_fifty_callers_evenly(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """The rate holds, and each request reaches Copilot exactly once.

    If each worker had a rate of its own, all would take a quarter of the time.
    """
    gap, callers, requests_each = 0.02, 50, 2
    bridge = start_bridge(rate_limit=gap, queue_requests=1, workers=4, server="gunicorn").warm()

    def call(number: int) -> list[Response]:
        return [bridge.chat(f"hello {mark} <{number}.{turn}>") for turn in range(requests_each)]

    with ThreadPoolExecutor(callers) as pool:
        responses = [response for done in pool.map(call, range(callers)) for response in done]
    assert [response.status for response in responses] == [200] * (callers * requests_each)
    entries = simulator.ledger(mark)
    texts = [entry["body"]["messages"][0]["content"] for entry in entries]
    assert len(texts) == len(set(texts)) == callers * requests_each
    began = starts(simulator, mark)
    windows = [last - first for first, last in zip(began, began[10:], strict=False)]
    assert statistics.median(windows) >= 10 * gap / 2
    assert began[-1] - began[0] >= (callers * requests_each - 1) * gap / 2
    assert len(bridge.workers()) == 4


def test_waiting_requests_are_served_in_order_and_can_leave_at_once(
    start_bridge: Start, simulator: Simulator
) -> None:
    """The first request holds the only place until all others wait, and then disconnects."""
    gap = 0.7
    bridge = start_bridge(rate_limit=gap, max_concurrent=1, queue_requests=1, server="gevent").warm()
    marks = [new_mark() for _ in range(4)]
    first = bridge.stream(f"[[sim:stall after=4 seconds=30]] one two three {marks[0]}")
    assert next(first.frames())
    streams = []
    for text in marks[1:]:
        streams.append(bridge.ask(text))
        wait_until_waiting(bridge, len(streams))
    streams[0].leave()
    wait_until_waiting(bridge, 2)
    first.leave()
    assert [stream.status for stream in streams[1:]] == [200, 200]
    assert simulator.ledger(marks[1]) == []
    began = [simulator.only(marks[number])["started"] for number in (0, 2, 3)]
    assert all(later - earlier >= gap - SLACK for earlier, later in pairwise(began))
    assert began[2] - began[1] < 2 * gap, "a disconnected request costs no turn"


def wait_until_waiting(bridge: Bridge, number: int) -> None:
    store = open_store(bridge.home)
    end = time.monotonic() + PATIENCE
    try:
        while True:
            ((waiting,),) = store.database.run(
                lambda t: t.rows("SELECT count(*) FROM tickets WHERE running = 0")
            )
            if waiting == number:
                return
            assert time.monotonic() < end, f"{waiting} are waiting"
            time.sleep(0.01)
    finally:
        store.close()


def test_a_full_queue_is_a_429(start_bridge: Start) -> None:
    bridge = start_bridge(rate_limit=60, queue_requests=1, max_waiting=1, server="gevent").warm()
    assert bridge.chat("hello").status == 200
    bridge.ask("hello")
    wait_until_waiting(bridge, 1)
    refused = bridge.chat("hello")
    assert refused.status == 429
    assert "queue of the bridge is full" in refused.error["message"]


def test_a_waiting_stream_gets_keepalives(start_bridge: Start) -> None:
    bridge = start_bridge(rate_limit=0.7, queue_requests=1, server="gevent", keepalive=KEEPALIVE).warm()
    assert bridge.chat("hello").status == 200
    received = bridge.receive_stream("hello")
    assert received.frames[0].is_comment
    assert received.finish_reason == "stop"


@pytest.mark.parametrize("served_by", [{"server": "gevent"}, {"workers": 3}], ids=["one", "three workers"])
def test_no_more_than_the_maximum_run_at_a_time(
    start_bridge: Start, simulator: Simulator, mark: str, served_by: dict[str, object]
) -> None:
    bridge = start_bridge(max_concurrent=2, queue_requests=1, **served_by).warm()
    text = f"[[sim:flood events=4 size=10 gap=50]] {mark}"
    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda _: bridge.receive_stream(text).finish_reason, range(8)))
    assert reasons == ["stop"] * 8
    ends = [(entry["started"], 1) for entry in simulator.ledger(mark)]
    ends += [(entry["ended"], -1) for entry in simulator.ledger(mark)]
    running = most = 0
    for _, change in sorted(ends):
        running += change
        most = max(most, running)
    assert most == 2


def test_a_disconnected_client_makes_room(start_bridge: Start) -> None:
    bridge = start_bridge(max_concurrent=1, server="gevent").warm()
    stream = bridge.stream("[[sim:flood events=400 size=10 gap=50]]")
    assert stream.status == 200
    assert bridge.chat("hello").status == 429
    stream.leave()
    end = time.monotonic() + PATIENCE
    while bridge.chat("hello").status != 200:
        assert time.monotonic() < end


def test_a_key_has_a_rate_of_its_own(start_bridge: Start, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    slow = store.keys.add(Key("slow", KEY, b"", rate="2/hour"))
    free = store.keys.add(Key("free", KEY, b""))
    store.close()
    bridge = start_bridge(home=tmp_path, workers=2)

    def ask(key: str) -> int:
        return bridge.request(
            "POST", "/v1/chat/completions", chat_body("hello", "gpt-4o"), {"x-api-key": key}
        ).status

    assert [ask(slow) for _ in range(5)] == [200, 200, 429, 429, 429]
    assert [ask(free) for _ in range(3)] == [200] * 3


def test_an_account_is_paused_for_all_workers_and_over_a_restart(
    start_bridge: Start, simulator: Simulator, mark: str, tmp_path: Path
) -> None:
    """The pause holds for all workers and callers and after a restart; other accounts go on."""
    # A store that takes longer than its timeout is done without; on a busy machine it may.
    bridge = start_bridge(workers=3, home=tmp_path, allow_github_tokens=1, store_timeout=30)
    mine, other = new_token(), new_token("business")

    def ask(token: str, text: str) -> Response:
        body = chat_body(f"{text} {mark}", "gpt-4o")
        return bridge.request("POST", "/v1/chat/completions", body, {"x-api-key": token})

    first = ask(mine, "[[sim:refuse name=weekly]]")
    assert (first.status, first.headers["retry-after"]) == (429, "2733")
    sent = len(simulator.ledger(mark))
    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda _: ask(mine, "hello"), range(12)))
    assert {response.status for response in responses} == {429}
    assert all(first.error["message"] in response.error["message"] for response in responses)
    assert {response.error["code"] for response in responses} == {first.error["code"]}
    assert all(2600 <= int(response.headers["retry-after"]) <= 2733 for response in responses)
    assert len(simulator.ledger(mark)) == sent, "Copilot is left in peace"
    assert ask(other, "hello").status == 200
    bridge.stop()
    bridge = start_bridge(home=tmp_path, allow_github_tokens=1, server="gevent")
    assert ask(mine, "hello").status == 429


ASKED = {
    "chat": ("/v1/chat/completions", {}),
    "messages": ("/v1/messages", {"max_tokens": 99}),
    "responses": ("/v1/responses", {}),
}


def test_a_paused_model_leaves_the_others_usable(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """Each dialect reports the pause, whole and streamed, with other models, until the operator ends it."""
    bridge = start_bridge(server="gevent")

    def ask(model: str, dialect: str = "chat", text: str = "hello", stream: bool = False) -> Response:
        path, more = ASKED[dialect]
        body = {"input" if dialect == "responses" else "messages": [{"role": "user", "content": text}]}
        return bridge.request("POST", path, {"model": model, "stream": stream, **body, **more})

    assert ask("claude-sonnet-4.5", text=f"[[sim:refuse name=model-limit]] {mark}").status == 429
    for dialect in ASKED:
        for stream in (False, True):
            refused = ask("claude-sonnet-4.5", dialect, mark, stream)
            assert (refused.status, refused.json["error"]["type"]) == (429, "rate_limit_error")
            assert 7100 < int(refused.headers["retry-after"]) <= 7200
            message = refused.json["error"]["message"]
            assert "claude-sonnet-4.5 is paused until" in message
            assert "switch to a different model" in message
            assert "models that are not paused: claude-" in message
    assert len(simulator.ledger(mark)) == 1
    assert ask("gpt-4.1").status == ask("claude-opus-4.5", "messages").status == 200
    assert (
        bridge.request("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"}).status
        == 200
    )
    command = [sys.executable, "-m", "copilot_bridge", "cooldowns", "--home", str(bridge.home)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(bridge.home))
    assert listed.stdout.splitlines()[1].startswith("claude-sonnet-4.5  2 h ")
    subprocess.run([*command, "--clear", "claude-sonnet-4.5"], check=True, env=environment(bridge.home))
    assert ask("claude-sonnet-4.5").status == 200


def test_an_account_is_paused_for_the_time_in_the_message(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent")
    assert bridge.chat("[[sim:refuse name=global-limit]]").headers["retry-after"] == "2733"
    refused = bridge.chat("hello", "claude-sonnet-4.5")
    assert 2700 < int(refused.headers["retry-after"]) <= 2733
    assert refused.error["code"] == "user_global_rate_limited:pro"
    assert "the account is paused" in refused.error["message"]
    assert bridge.request("GET", "/readyz").json["state"] == "paused"
    page = bridge.request("GET", "/", headers={"Accept": "text/html"}).body.decode()
    texts = re.sub(r'\btitle="[^"]*"', "", page)  # what is too long to be seen is in a title as well
    assert texts.count("2733 seconds") == 1, "the page says so once"


def test_no_other_login_replaces_a_paused_one(
    start_bridge: Start, simulator: Simulator, mark: str, tmp_path: Path
) -> None:
    """Two logins are stored, and the default one has reached its limit."""
    tokens = {name: new_token() for name in ("other", "default")}  # the last one added is the default
    store = open_store(tmp_path)
    for name, token in tokens.items():
        store.logins.add(name, Secret(token), simulator.url)
    store.close()
    bridge = start_bridge(home=tmp_path, github_token="", server="gevent")
    assert bridge.chat(f"[[sim:refuse name=weekly]] {mark}").status == 429
    assert [bridge.chat(f"hello {mark}").status for _ in range(3)] == [429] * 3
    assert len(simulator.ledger(mark)) == 1
    assert len(simulator.exchanges(tokens["default"])) == 1
    assert simulator.exchanges(tokens["other"]) == []


def test_limits_hold_per_worker_without_a_store(start_bridge: Start, tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_bytes(b"no database" * 1000)
    bridge = start_bridge(home=tmp_path, rate_limit=60, server="gevent")
    assert bridge.chat("hello").status == 200
    assert bridge.chat("hello").status == 429
    assert any("each worker applies the rate limits by itself" in line for line in bridge.log.all())


def test_a_retry_keeps_to_the_interval(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    """A retry skips the queue, and does not block itself if it holds the only place."""
    gap = 0.6
    bridge = start_bridge(rate_limit=gap, max_concurrent=1, queue_requests=1, server="gevent").warm()
    simulator.expire(bridge.github_token)
    threads = [threading.Thread(target=bridge.chat, args=(f"hello {mark}",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    began = starts(simulator, mark)
    assert len(began) == 3
    assert all(later - earlier >= gap - SLACK for earlier, later in pairwise(began))
