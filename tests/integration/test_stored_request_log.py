"""The request log in the store: each request exactly once, with what it was and what it cost."""

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from integration.harness import ROOT, Bridge, Simulator, Start, chat_body, new_mark, new_token

from copilot_bridge.billing.charge import TokenCounts, charge
from copilot_bridge.billing.prices import read_prices
from copilot_bridge.store import open_store
from copilot_bridge.store.logged_request import RequestLogRow

Rows = dict[str, RequestLogRow]


def rows(home: Path, enough: Callable[[Rows], bool], timeout: float = 30.0) -> Rows:
    """The log by request id, as soon as it has what is waited for."""
    store = open_store(home)
    end = time.monotonic() + timeout
    try:
        while True:
            found = {row.id: row for row in store.request_log.latest(100_000)}
            if enough(found):
                return found
            assert time.monotonic() < end, f"the log has {len(found)} rows: {list(found.values())[:3]}"
            time.sleep(0.05)
    finally:
        store.close()


def row_of(bridge: Bridge, request_id: str) -> RequestLogRow:
    return rows(bridge.home, lambda found: request_id in found)[request_id]


def test_a_row_describes_the_request_and_its_cost(start_bridge: Start) -> None:
    spring = new_token("spring")  # whose plan counts premium requests
    bridge = start_bridge(server="gevent", api_key="one", github_token=spring).warm_up("one")
    body = chat_body("hello", "claude-sonnet-4.5")
    responses = [
        bridge.request("POST", "/v1/chat/completions", body | {"stream": stream}, {"x-api-key": "one"})
        for stream in (False, True)
    ]
    for streamed, response in enumerate(responses):
        row = row_of(bridge, response.headers["x-request-id"])
        assert (row.streamed, row.path) == (streamed, "/v1/chat/completions")
        assert (row.address, row.token_ms, row.error) == ("127.0.0.1", 0, None)
        assert 0 <= row.queue_ms <= row.first_byte_ms
        assert row.premium == 1
        assert abs(row.at - time.time()) < 30
        assert row.caller.startswith("key:")
        assert row.account.startswith("token ")
        assert (row.dialect, row.upstream, row.initiator) == ("chat", "chat", "user")
        assert (row.model, row.status, row.outcome) == ("claude-sonnet-4.5", 200, "ok")
        assert 0 <= row.first_byte_ms <= row.ms
        assert row.tokens_in > 0
        assert row.tokens_out > 0
        assert row.tokens_cached is not None
        assert row.cost > 0
        assert 0 <= row.quota <= 100


def test_a_row_has_the_reason_of_a_cache_miss(bridge: Bridge, mark: str) -> None:
    """The simulator serves half of a prompt from its cache, whatever was sent before."""
    words = f"{mark} " + "word " * 2000
    tool = {"name": "look", "input_schema": {"type": "object"}}
    talk = [{"role": "user", "content": words}]
    more = [*talk, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Go on."}]
    bodies = (
        {"messages": talk},
        {"messages": more},
        {"messages": more, "tools": [tool]},
        {"messages": more, "tools": [tool], "system": "Now it is noon."},
    )
    found = []
    for number, body in enumerate(bodies):
        headers = {"x-claude-code-session-id": mark, "user-agent": "claude-cli/2.1.0"}
        sent = {"model": "claude-haiku-4.5", "max_tokens": 50, "stream": bool(number % 2), **body}
        response = bridge.request("POST", "/v1/messages", sent, headers)
        found.append(row_of(bridge, response.headers["x-request-id"]))
    verdicts = [(row.verdict, row.verdict_detail) for row in found]
    assert verdicts == [("hit", "49"), ("hit", "49"), ("tools_changed", "1 of 1"), ("system_changed", None)]
    assert row_of(bridge, bridge.chat("hello").headers["x-request-id"]).verdict == "too_short"
    assert found[1].lost_nano_aiu is None
    assert found[2].lost_nano_aiu > 0


def test_a_row_has_the_duration_of_each_phase(start_bridge: Start) -> None:
    """The wait for a token and the list of models, unless the start has them ready, and for one's turn."""
    bridge = start_bridge(server="gevent", rate_limit=1.0, queue_requests=1)
    responses = [bridge.chat("hello") for _ in range(2)]
    first, second = (row_of(bridge, response.headers["x-request-id"]) for response in responses)
    assert 0 < first.token_ms + first.catalogue_ms <= first.first_byte_ms
    assert second.token_ms + second.catalogue_ms == 0
    assert first.queue_ms < 100 < second.queue_ms <= second.first_byte_ms <= second.ms


def test_translated_and_failed_requests_have_rows(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent").warm()
    body = {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
    translated = row_of(bridge, bridge.request("POST", "/v1/messages", body).headers["x-request-id"])
    assert (translated.dialect, translated.upstream) == ("messages", "chat")
    failed = row_of(bridge, bridge.chat("[[sim:refuse name=forbidden]]").headers["x-request-id"])
    assert (failed.status, failed.outcome, failed.premium) == (403, "permission", None)
    assert failed.error
    wrong = bridge.request("POST", "/v1/chat/completions", b"{")
    assert row_of(bridge, wrong.headers["x-request-id"]).outcome == "invalid_request"
    gone = bridge.stream("[[sim:flood events=100 size=10 gap=50]]")
    request_id = gone.headers["x-request-id"]
    gone.leave()
    assert row_of(bridge, request_id).outcome == "client_disconnected"


def test_no_prompt_and_no_response_is_in_the_store(start_bridge: Start, mark: str) -> None:
    bridge = start_bridge(server="gevent")
    row_of(bridge, bridge.chat(f"hello {mark}").headers["x-request-id"])
    row_of(bridge, bridge.chat(f"[[sim:refuse name=forbidden]] {mark}").headers["x-request-id"])
    bridge.stop()
    for path in bridge.home.rglob("*"):
        assert path.is_dir() or mark.encode() not in path.read_bytes()


def test_requests_of_killed_workers_are_logged_once(start_bridge: Start, simulator: Simulator) -> None:
    """Two workers, twenty callers: each request that reached Copilot is logged once, the cut ones as cut."""
    bridge = start_bridge(workers=2, server="gunicorn").warm()
    mark = new_mark()
    ids: list[str] = []
    both_killed = threading.Event()
    # Whichever worker has it, this one is cut: both are killed, and it would take a minute.
    long = bridge.stream(f"[[sim:flood events=1200 size=10 gap=50]] {mark} long")
    next(long.frames())

    def call(number: int) -> None:
        for turn in range(400):
            if both_killed.is_set() and turn > 3:
                return
            with suppress(OSError, HTTPException):  # its worker was killed
                stream = bridge.stream(f"[[sim:flood events=3 size=10 gap=20]] {mark} <{number}.{turn}>")
                assert stream.status == 200
                if stream.all()[-1].is_done:
                    ids.append(stream.headers["x-request-id"])

    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(call, number) for number in range(20)]
        try:
            for worker in bridge.workers():
                wait_for_some(simulator, mark)
                os.kill(worker, signal.SIGKILL)
        finally:
            both_killed.set()
        for future in calls:
            future.result()
    sent = Counter(entry["headers"]["x-request-id"] for entry in simulator.ledger(mark))
    found = rows(bridge.home, lambda found: set(sent) | set(ids) <= found.keys())
    logged = {key: row for key, row in found.items() if row.model == "gpt-4o"}
    late = [key for key in ids if found[key].outcome != "ok"]
    assert {found[key].outcome for key in late} <= {"interrupted"}
    assert len(late) * 10 < len(ids), "killed after the last byte and before the end"
    assert len(ids) > 20
    cut = [key for key in sent if key not in ids]
    assert {logged[key].outcome for key in cut} <= {"interrupted", "ok"}
    assert logged[long.headers["x-request-id"]].outcome == "interrupted"


def wait_for_some(simulator: Simulator, mark: str) -> None:
    before = len(simulator.ledger(mark))
    end = time.monotonic() + 30
    while len(simulator.ledger(mark)) < before + 10:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_request_interrupted_by_a_kill_is_logged_after_the_restart(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent").warm()
    stream = bridge.stream("[[sim:flood events=100 size=10 gap=50]]")
    next(stream.frames())
    request_id = stream.headers["x-request-id"]
    bridge.process.kill()
    bridge.wait()
    again = start_bridge(home=bridge.home, server="gevent")
    row = row_of(again, request_id)
    assert (row.outcome, row.model, row.dialect) == ("interrupted", "gpt-4o", "chat")


def test_a_full_disk_fails_no_request(start_bridge: Start) -> None:
    """No file may grow any more: it is warned, and served."""
    import resource

    bridge = start_bridge(server="gevent", log_level="info").warm()
    row_of(bridge, bridge.chat("hello").headers["x-request-id"])
    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (1, 1))
    for _ in range(3):
        assert bridge.chat("hello").status == 200
    bridge.log.wait_for(lambda line: "the request log waits in memory" in line)
    assert bridge.receive_stream("hello").finish_reason == "stop"


# Models that Copilot offers through each of its APIs, asked for through each of ours.
MIXED = [
    ("/v1/chat/completions", "gpt-4o"),
    ("/v1/chat/completions", "claude-sonnet-4.6"),
    ("/v1/chat/completions", "gpt-5.4-mini"),
    ("/v1/messages", "claude-opus-5"),
    ("/v1/messages", "gemini-3.6-flash"),
    ("/v1/responses", "gpt-5.3-codex"),
    ("/v1/responses", "claude-haiku-4.5"),
]
STATED = re.compile(rb'"total_nano_aiu": ?(\d+)')


def mixed_body(path: str, model: str, text: str) -> dict[str, object]:
    if path == "/v1/responses":
        return {"model": model, "input": text}
    return chat_body(text, model) | ({"max_tokens": 500} if path == "/v1/messages" else {})


def estimate_of(row: RequestLogRow) -> int:
    """The cost of a row's tokens by the simulator's catalogue, in 1e-9 AI units."""
    listed = json.loads((ROOT / "copilot_bridge/simulator/scenarios/models-2026-11.json").read_bytes())[
        "data"
    ]
    prices = read_prices(next(model for model in listed if model["id"] == row.model))
    tokens = TokenCounts(
        row.tokens_in or 0, row.tokens_out or 0, row.tokens_cached or 0, row.tokens_written or 0
    )
    return charge(prices, None, tokens).nano_aiu or 0


def test_costs_are_copilots_own_to_the_nano_unit(start_bridge: Start) -> None:
    """Whole or streamed, passed on or translated: what Copilot states is what the tokens cost, too."""
    bridge = start_bridge(server="gevent", keep_copilot_fields=1).warm()
    stated: dict[str, int | None] = {}
    for path, model in MIXED:
        for stream in (False, True):
            body = mixed_body(path, model, f"hello {'word ' * 3000}") | {"stream": stream}
            response = bridge.request("POST", path, body, {"User-Agent": "some-agent/1.2 (x)"})
            match = STATED.search(response.body)
            stated[response.headers["x-request-id"]] = int(match[1]) if match else None
    found = rows(bridge.home, lambda known: stated.keys() <= known.keys())
    for id_, cost in stated.items():
        row = found[id_]
        assert cost in (None, row.nano_aiu)  # translated responses have no fields of Copilot's
        assert row.cost == row.nano_aiu / 1e9 > 0
        assert (row.estimated, row.client, row.retries, row.requested_model) == (
            0,
            "some-agent",
            0,
            row.model,
        )
        assert row.response_model[:3] == row.model[:3]
        assert row.interaction
        assert row.upstream_id
        assert abs(estimate_of(row) / row.nano_aiu - 1) < 0.03
    assert sum(cost is not None for cost in stated.values()) >= 6
