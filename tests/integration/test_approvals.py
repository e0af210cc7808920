"""No request is sent before the operator approves it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.conftest import Terminal
from integration.harness import KEEPALIVE, Bridge, Simulator, Start, new_token

from copilot_bridge.store import Store, open_store
from copilot_bridge.store.approvals import PendingRequest


@contextmanager
def store_of(bridge: Bridge) -> Iterator[Store]:
    store = open_store(bridge.home)
    yield store
    store.close()


def waiting(store: Store, number: int) -> list[PendingRequest]:
    end = time.monotonic() + 8
    while len(found := store.approvals.waiting()) != number:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_the_operator_approves_and_denies(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    """A request waits in one worker, and another process decides."""
    bridge = start_bridge(require_approval=1, workers=2).warm()
    with store_of(bridge) as store:
        first = bridge.ask(f"one {mark}\nand more", "claude-sonnet-4.5")
        (question,) = waiting(store, 1)
        assert (question.model, question.preview) == ("claude-sonnet-4.5", f"one {mark}")
        assert question.size > 100
        assert simulator.ledger(mark) == []
        assert store.approvals.decide(question.id, yes=True)
        assert first.status == 200
        assert len(simulator.ledger(mark)) == 1
        second = bridge.ask(f"two {mark}")
        (question,) = waiting(store, 1)
        assert store.approvals.decide(question.id, yes=False)
        response = second.response()
        assert response.status == 403
        assert "denied" in response.error["message"]
        assert len(simulator.ledger(mark)) == 1
        waiting(store, 0)
        assert not store.approvals.decide(question.id, yes=True)
    bridge.stop()
    for path in bridge.home.glob("bridge.db*"):
        assert mark.encode() not in path.read_bytes(), "the prompt is encrypted"


def test_each_turn_of_a_conversation_needs_approval(start_bridge: Start) -> None:
    """The previous response is looked up before the operator is asked."""
    bridge = start_bridge(require_approval=1, server="gevent").warm()
    body: dict[str, object] = {"model": "gpt-5.3-codex", "input": "hello"}
    with store_of(bridge) as store:
        for yes in (True, False):
            asked = bridge.dial("POST", "/v1/responses", json.dumps(body).encode())
            (question,) = waiting(store, 1)
            assert store.approvals.decide(question.id, yes=yes)
            response = asked.response()
            assert response.status == (200 if yes else 400)  # Codex would try again after a 403
            body["previous_response_id"] = response.json.get("id")


def test_a_request_without_a_decision_in_time_is_rejected(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(require_approval=1, approval_timeout=0.5, server="gevent").warm()
    body = {"model": "claude-sonnet-4.5", "max_tokens": 9, "messages": [{"role": "user", "content": mark}]}
    response = bridge.request("POST", "/v1/messages", body)
    assert response.status == 403
    assert response.json["error"]["type"] == "permission_error"
    assert "0.5 s" in response.json["error"]["message"]
    assert simulator.ledger(mark) == []


def test_a_waiting_stream_gets_keepalives_and_a_disconnected_one_is_withdrawn(start_bridge: Start) -> None:
    bridge = start_bridge(require_approval=1, server="gevent", keepalive=KEEPALIVE).warm()
    with store_of(bridge) as store:
        stream = bridge.stream("hello")
        assert stream.status == 200
        frames = stream.frames()
        assert next(frames).is_comment
        (question,) = waiting(store, 1)
        store.approvals.decide(question.id, yes=True)
        assert [*frames][-1].is_done
        gone = bridge.stream("hello")
        waiting(store, 1)
        gone.leave()
        waiting(store, 0)


def test_a_denial_after_the_first_byte_is_an_error_event(start_bridge: Start) -> None:
    bridge = start_bridge(
        require_approval=1, approval_timeout=0.5, server="gevent", keepalive=KEEPALIVE
    ).warm()
    received = bridge.receive_stream("hello")
    assert received.error["type"] == "permission_error"


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal of this kind")
def test_requests_are_approved_at_the_terminal_of_start(simulator: Simulator, tmp_path: Path) -> None:
    environ = {
        "COPILOT_BRIDGE_HOME": str(tmp_path / "home"),
        "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
        "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
    }
    import requests

    terminal = Terminal(tmp_path, environ, "start", "--port", "0", "--manual", "-g", new_token())
    try:
        base = terminal.wait_for(r"Base URL +(\S+) ")[1]
        terminal.wait_for("Ctrl-C stops")
        for answer, status in (("y", 200), ("n", 403)):
            with terminal_thread(f"{base}/chat/completions", f"said {answer}") as response:
                terminal.wait_for(rf"asks gpt-4o \(0.1 kB\): said {answer}\n")
                terminal.type(f"{answer}\n")
            assert response[0].status_code == status
        terminal.type("\x03")
        code, text = terminal.end()
        assert code in (0, 130)
        assert "Traceback" not in text
        with pytest.raises(requests.ConnectionError):
            requests.get(base, timeout=1)
    finally:
        terminal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal of this kind")
def test_requests_are_approved_at_another_terminal(start_bridge: Start, tmp_path: Path) -> None:
    """`copilot-bridge approvals --watch` shows the requests of every worker."""
    bridge = start_bridge(require_approval=1, workers=2).warm()
    environ = {"COPILOT_BRIDGE_HOME": str(bridge.home)}
    terminal = Terminal(tmp_path, environ, "approvals", "--watch")
    try:
        for answer, status in (("y", 200), ("n", 403)):
            asked = bridge.ask(f"said {answer}")
            terminal.wait_for(rf"asks gpt-4o \(0.1 kB\): said {answer}\n")
            terminal.type(f"{answer}\n")
            assert asked.status == status
        terminal.type("\x03")
        _code, text = terminal.end()
        assert "Traceback" not in text
    finally:
        terminal.close()


@contextmanager
def terminal_thread(url: str, text: str) -> Iterator[list]:
    """A running request; its response is read at the end of the block."""
    import threading

    import requests

    response: list[requests.Response] = []
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    thread = threading.Thread(target=lambda: response.append(requests.post(url, json=body, timeout=20)))
    thread.start()
    yield response
    thread.join(20)


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_shutting_down_rejects_waiting_requests_at_once(start_bridge: Start, server: str) -> None:
    bridge = start_bridge(require_approval=1, server=server, graceful_timeout=30).warm()
    body = json.dumps({"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
    with store_of(bridge) as store:
        asked = [
            bridge.ask("hello"),
            bridge.ask("hello", stream=True),
            bridge.dial("POST", "/v1/messages", body.encode()),
        ]
        waiting(store, 3)
        began = bridge.ask_to_stop()
        for stream in asked:
            response = stream.response()
            assert response.status == 503
            assert "shutting down" in response.json["error"]["message"]
        assert response.json["type"] == "error", "in the client's dialect"
        assert bridge.wait() == 0
        assert time.monotonic() - began < 10
        assert store.approvals.waiting() == []


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_shutting_down_ends_a_queue(start_bridge: Start, server: str, mark: str) -> None:
    """Queued requests that are not admitted in time get an error, too."""
    bridge = start_bridge(rate_limit=60, queue_requests=1, server=server, graceful_timeout=0.5).warm()
    assert bridge.chat("hello").status == 200
    asked = [bridge.ask(f"hello {mark}"), bridge.ask(f"hello {mark}", stream=True)]
    bridge.log.wait_for(lambda _line: True)
    time.sleep(0.3)  # they are in the queue: nothing shows it from outside
    bridge.ask_to_stop()
    for stream in asked:
        response = stream.response()
        assert response.status in (502, 503)
        assert "shutting down" in response.json["error"]["message"]
    assert bridge.wait() == 0


def test_direction_marks_are_shown_escaped(start_bridge: Start) -> None:
    bridge = start_bridge(require_approval=1, server="gevent").warm()
    with store_of(bridge) as store:
        asked = bridge.ask("delete \u202eeverything\u2066 \x1b[31m\x00 now", "gpt-4o")
        (question,) = waiting(store, 1)
        assert question.preview == "delete \\u202eeverything\\u2066 \\x1b[31m\\x00 now"
        page = bridge.request("GET", "/approvals", headers={"Accept": "text/html"}).body.decode()
        assert "delete" in page
        assert not set("\u202e\u2066\x1b\x00") & set(page)
        store.approvals.decide(question.id, yes=False)
        assert asked.status == 403


def test_an_error_does_not_disclose_the_store(start_bridge: Start, tmp_path: Path) -> None:
    tmp_path.joinpath("bridge.db").write_bytes(b"no database at all" * 300)
    bridge = start_bridge(require_approval=1, server="gevent", home=tmp_path)
    response = bridge.chat("hello")
    assert response.status >= 500
    assert "store" in response.error["message"]
    assert str(bridge.home) not in response.body.decode()
    bridge.log.wait_for(lambda line: str(bridge.home) in line)
