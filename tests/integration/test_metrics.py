"""/metrics: exact counts of all workers, including those that have ended."""

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from integration.harness import ROOT, Bridge, Simulator, Start
from integration.services import Unit
from prometheus_client.parser import text_string_to_metric_families

from copilot_bridge import __version__
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

Counted = dict[tuple[str, frozenset[tuple[str, str]]], float]

FLOOD = "[[sim:flood events=1200 size=10 gap=50]]"


def read(bridge: Bridge, **headers: str) -> Counted:
    response = bridge.request("GET", "/metrics", headers=headers)
    assert (response.status, response.headers["cache-control"]) == (200, "no-store"), response.body
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(response.body.decode()))
    assert len({family.name for family in families}) == len(families)
    samples = [sample for family in families for sample in family.samples]
    counted = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(counted) == len(samples)
    return counted


def total(counted: Counted, name: str, **labels: str) -> float:
    selected = labels.items()
    return sum(
        value
        for (sample_name, given), value in counted.items()
        if sample_name == f"copilot_bridge_{name}" and selected <= given
    )


def await_counted(bridge: Bridge, enough: Callable[[Counted], bool]) -> Counted:
    """A client has its last byte a moment before the request is counted."""
    end = time.monotonic() + 10
    while not enough(counted := read(bridge)):
        assert time.monotonic() < end, counted
        time.sleep(0.02)
    return counted


def ask_many(bridge: Bridge, number: int) -> None:
    def ask(turn: int) -> None:
        if turn % 2:
            assert bridge.receive_stream("hello").finish_reason == "stop"
        else:
            assert bridge.chat("hello", "claude-sonnet-4.5").status == 200

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(number)))


def check(bridge: Bridge, number: int) -> None:
    counted = await_counted(bridge, lambda found: total(found, "requests_total") >= number)
    for model in ("gpt-4o", "claude-sonnet-4.5"):
        assert total(counted, "requests_total", model=model, status="200", outcome="ok") == number / 2
        assert total(counted, "request_seconds_count", model=model) == number / 2
        assert total(counted, "first_byte_seconds_bucket", model=model, le="+Inf") == number / 2
    assert total(counted, "requests_total") == number
    assert total(counted, "tokens_total", kind="in") > number
    assert total(counted, "tokens_total", kind="out") > number
    assert total(counted, "cost_ai_units_total", model="claude-sonnet-4.5") > 0
    assert 0 <= total(counted, "quota_left_percent", quota="premium_interactions") <= 100
    assert total(counted, "streams_open") == 0
    assert total(counted, "build_info", version=__version__) == 1


def await_new_worker(bridge: Bridge, old: int, number: int) -> None:
    end = time.monotonic() + 10
    while len(workers := set(bridge.workers()) - {old}) < number:
        assert time.monotonic() < end, workers
        time.sleep(0.02)


def test_all_workers_are_added_up(start_bridge: Start) -> None:
    """Exactly, also when one of them was replaced, and what it had open is gone with it."""
    bridge = start_bridge(workers=3, server="gunicorn").warm()
    done = 0
    for number in (signal.SIGKILL, signal.SIGTERM):
        ask_many(bridge, 40)
        done += 40
        check(bridge, done)
        ended = bridge.workers()[0]
        os.kill(ended, number)
        await_new_worker(bridge, ended, 3)
        check(bridge, done)
    ask_many(bridge, 20)
    check(bridge, done + 20)


def test_open_streams_are_counted_over_all_workers(start_bridge: Start) -> None:
    bridge = start_bridge(workers=2, server="gunicorn").warm()
    streams = [bridge.stream(FLOOD) for _ in range(6)]
    assert {stream.status for stream in streams} == {200}
    await_counted(bridge, lambda found: total(found, "streams_open") == 6)
    for stream in streams[:2]:
        stream.leave()
    gone = {"outcome": "client_disconnected"}
    counted = await_counted(bridge, lambda found: total(found, "requests_total", **gone) == 2)
    assert total(counted, "streams_open") == 4
    for pid in bridge.workers():
        os.kill(pid, signal.SIGKILL)
    await_counted(bridge, lambda found: total(found, "streams_open") == 0)


def test_a_reload_goes_on_counting(tmp_path: Path, simulator: Simulator) -> None:
    """Old workers count to their ends, in the same place; when the server stops, the place is gone."""
    unit = Unit(tmp_path, simulator, workers=2)
    with closing(unit):
        service = unit.up()
        ask_many(service, 10)
        check(service, 10)
        stream = service.stream(FLOOD)
        assert stream.status == 200
        assert service.reload().returncode == 0
        ask_many(service, 10)
        counted = await_counted(service, lambda found: total(found, "requests_total") == 20)
        assert total(counted, "streams_open") == 1
        stream.leave()
        counted = await_counted(service, lambda found: total(found, "requests_total") == 21)
        assert total(counted, "streams_open") == 0
        assert len([*unit.runtime.glob("copilot-bridge-*")]) == 1
        assert service.end() == 0
        assert [*unit.runtime.glob("copilot-bridge-*")] == []


def test_one_process_counts_its_requests(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent").warm()
    ask_many(bridge, 10)
    check(bridge, 10)


def test_errors_are_counted_and_unknown_models_not_named(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent")
    for name in ("wrong-1", "wrong-2", "x" * 100):
        assert bridge.chat("hello", name).status == 404
    assert bridge.request("POST", "/v1/chat/completions", b"{").status == 400
    assert bridge.chat("[[sim:refuse name=forbidden]]").status == 403
    counted = await_counted(bridge, lambda found: total(found, "requests_total") == 5)
    assert total(counted, "requests_total", model="other", outcome="model_not_found", status="404") == 3
    assert total(counted, "requests_total", outcome="invalid_request", model="other") == 1
    assert total(counted, "requests_total", outcome="permission", model="gpt-4o", upstream="chat") == 1
    assert total(counted, "upstream_errors_total", kind="permission") == 1
    assert 1 <= total(counted, "token_refreshes_total", outcome="ok") <= 2
    labels = {label for _, given in counted for label in given}
    assert not [label for label in labels if "wrong" in label[1]]


def test_metrics_are_for_the_operator_only(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", api_key="operators")
    store = open_store(bridge.home)
    plain = store.keys.add(Key("plain", KEY, b""))
    operator = store.keys.add(Key("prometheus", KEY, b"", operator=True))
    store.close()
    assert bridge.request("GET", "/metrics").status == 401
    assert bridge.request("GET", "/metrics", headers={"x-api-key": plain}).status == 403
    for key in ("operators", operator):
        assert read(bridge, Authorization=f"Bearer {key}")


def test_the_table_of_the_page_is_complete(bridge: Bridge) -> None:
    bridge.chat("hello")
    documented = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    response = bridge.request("GET", "/metrics").body.decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", response, re.MULTILINE))
    assert kinds.keys() <= documented
    assert {name for name in documented if not name.endswith("_total")} <= kinds.keys()
