"""A client that leaves is noticed within a second, however silent upstream is, and upstream is let go."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from integration.harness import PATIENCE, Bridge, Json, Junction, ReceivedStream, Simulator, Start, Stream

MODELS = ("gpt-4o", "claude-sonnet-4.5")


def check_noticed(bridge: Bridge, simulator: Simulator, mark: str, left_at: float) -> None:
    entry = simulator.ended(mark)
    assert entry["outcome"] == "client-gone"
    assert entry["ended"] - left_at < 5.0
    assert bridge.request("GET", "/healthz").status == 200


def check_logged(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """Upstream saw the request's id, so the line is found though the client never saw a header."""
    (entry,) = simulator.ledger(mark)
    assert bridge.logged(entry["headers"]["x-request-id"])["outcome"] == "client_disconnected"


def hang_up(stream: Stream, how: str) -> float:
    if how == "reset":
        stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.close()
        return time.time()
    return stream.leave()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_before_upstreams_headers_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, how: str, streaming: bool, model: str
) -> None:
    stream = any_bridge.ask(f"[[sim:slow-headers seconds=20]] hello {mark}", model, stream=streaming)
    simulator.only(mark)
    check_noticed(any_bridge, simulator, mark, hang_up(stream, how))
    check_logged(any_bridge, simulator, mark)


def test_a_client_that_leaves_in_a_silence_is_noticed(
    brisk_bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    stream = brisk_bridge.stream(f"[[sim:slow-headers seconds=20]] hello {mark}")
    assert next(stream.frames()).is_comment
    check_noticed(brisk_bridge, simulator, mark, stream.leave())
    check_logged(brisk_bridge, simulator, mark)


@pytest.mark.parametrize("limit", [None, 500])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_before_the_first_byte_is_noticed(
    brisk_bridge: Bridge, simulator: Simulator, mark: str, streaming: bool, model: str, limit: int | None
) -> None:
    text = f"[[sim:slow-body seconds=20]] hello {mark}"
    stream = brisk_bridge.ask(text, model, stream=streaming, max_tokens=limit)
    simulator.only(mark)
    if streaming:
        assert stream.status == 200
    check_noticed(brisk_bridge, simulator, mark, stream.leave())
    check_logged(brisk_bridge, simulator, mark)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_while_upstream_is_silent_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, how: str, model: str
) -> None:
    stream = any_bridge.stream(f"[[sim:stall after=4 seconds=20]] one two three {mark}", model)
    assert next(stream.frames())
    check_noticed(any_bridge, simulator, mark, hang_up(stream, how))
    check_logged(any_bridge, simulator, mark)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_while_upstream_sends_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, how: str
) -> None:
    stream = any_bridge.stream(f"[[sim:flood events=4000 size=20 gap=5]] {mark}")
    assert next(stream.frames())
    check_noticed(any_bridge, simulator, mark, hang_up(stream, how))
    check_logged(any_bridge, simulator, mark)


# Where editors ask while one types, and leave at the next key; and the other doors.
OTHER_DOORS: dict[str, Json] = {
    "/v1/completions": {"model": "gpt-41-copilot", "prompt": "TEXT", "suffix": "x"},
    "/v1/fim/completions": {"model": "gpt-41-copilot", "prompt": "TEXT", "suffix": "x"},
    "/api/generate": {"model": "gpt-41-copilot", "prompt": "TEXT", "suffix": "x"},
    "/api/chat": {"model": "gpt-4o", "messages": [{"role": "user", "content": "TEXT"}]},
    "/v1beta/models/gpt-4o:streamGenerateContent": {"contents": [{"parts": [{"text": "TEXT"}]}]},
    "/v1beta/models/gpt-4o:generateContent": {"contents": [{"parts": [{"text": "TEXT"}]}]},
}


@pytest.mark.parametrize("silence", ["slow-headers seconds=20", "stall after=1 seconds=20"])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("path", OTHER_DOORS)
def test_an_editor_that_leaves_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, path: str, streaming: bool, silence: str
) -> None:
    body = OTHER_DOORS[path] | ({} if "Content" in path else {"stream": streaming})
    raw = json.dumps(body).replace("TEXT", f"[[sim:{silence}]] one two three {mark}").encode()
    stream = any_bridge.dial("POST", path, raw)
    simulator.only(mark)
    check_noticed(any_bridge, simulator, mark, stream.leave())
    check_logged(any_bridge, simulator, mark)


def test_a_client_that_leaves_with_a_long_keepalive_is_noticed(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """Nothing is written in between by which a departure could be noticed."""
    for server in ("gunicorn", "gevent"):
        bridge = start_bridge(server=server, keepalive=60)
        stream = bridge.stream(f"[[sim:stall after=4 seconds=20]] one two three {mark}{server}")
        assert next(stream.frames())
        check_noticed(bridge, simulator, mark + server, stream.leave())


def test_many_clients_that_leave_at_once_are_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    streams = [any_bridge.stream(f"[[sim:stall after=3 seconds=20]] {mark} {number}") for number in range(20)]
    for stream in streams:
        assert next(stream.frames())
    left_at = [stream.leave() for stream in streams]
    for number, at in enumerate(left_at):
        check_noticed(any_bridge, simulator, f'{mark} {number}"', at)


@pytest.mark.parametrize("where", ["slow-headers", "slow-body"])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
def test_a_client_that_sends_no_more_and_reads_on_is_served(
    any_bridge: Bridge, simulator: Simulator, mark: str, streaming: bool, where: str
) -> None:
    stream = any_bridge.ask(f"[[sim:{where} seconds=1]] hello {mark}", stream=streaming)
    simulator.only(mark)
    stream._sock.shutdown(socket.SHUT_WR)
    assert stream.status == 200
    if streaming:
        assert stream.all()[-1].is_done
    else:
        assert stream.response().message["content"]
    assert simulator.ended(mark)["outcome"] == "complete"


@pytest.mark.parametrize("model", MODELS)
def test_a_half_closed_client_is_served_and_noticed_when_it_leaves(
    brisk_bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    stream = brisk_bridge.stream(f"[[sim:stall after=4 seconds=20]] one two three {mark}", model)
    frames = stream.frames()
    assert next(frames)
    stream._sock.shutdown(socket.SHUT_WR)
    for frame in frames:
        if frame.is_comment or b"ping" in frame.raw:  # the sign of life that asks whether it is there
            break
    check_noticed(brisk_bridge, simulator, mark, stream.leave())


def test_a_client_that_sends_its_next_request_early_is_served(any_bridge: Bridge, mark: str) -> None:
    """Pipelining: bytes behind the request are no sign of an end."""
    stream = any_bridge.stream(f"[[sim:slow-body seconds=0.5]] hello {mark}")
    stream._sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n")
    assert stream.all()[-1].is_done


def test_a_client_may_leave_right_after_done(any_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    stream = any_bridge.stream(f"hello {mark}")
    for frame in stream.frames():
        if frame.is_done:
            break
    stream.leave()
    entry = simulator.ended(mark)
    assert entry["outcome"] == "complete"
    assert any_bridge.logged(entry["headers"]["x-request-id"])["outcome"] in ("ok", "client_disconnected")


class Gate(Junction):
    """Passes nothing on before the test releases it."""

    def __init__(self, target: str) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        super().__init__(target)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        self.reached.set()
        self.open.wait(PATIENCE)
        super()._pump(one, other)


@pytest.fixture
def gate(simulator: Simulator) -> Iterator[Gate]:
    gate = Gate(simulator.url)
    yield gate
    gate.open.set()
    gate.close()


def ask_in_line(bridge: Bridge, text: str, streaming: bool) -> Stream:
    """A chat that the bridge has begun to serve: it has responded to what was asked for after it."""
    stream = bridge.ask(text, stream=streaming)
    assert bridge.request("GET", "/healthz").status == 200
    return stream


@pytest.mark.parametrize(
    ("server", "streaming"),
    [("gunicorn", True), ("gevent", True), ("gevent", False)],
    ids=["gunicorn-stream", "gevent-stream", "gevent-whole"],
)
def test_a_departing_client_ends_no_token_fetch_that_others_wait_for(
    start_bridge: Start, simulator: Simulator, mark: str, gate: Gate, server: str, streaming: bool
) -> None:
    """One exchange for both, begun by the one who left."""
    bridge = start_bridge(server=server, github_api_url=gate.url, copilot_api_url=simulator.url)
    first = ask_in_line(bridge, f"hello {mark}first", streaming)
    assert gate.reached.wait(5)
    second = ask_in_line(bridge, f"hello {mark}second", streaming)
    first.leave()
    bridge.log.wait_for(lambda line: '"outcome":"client_disconnected"' in line)
    assert simulator.exchanges(bridge.github_token) == [], "it is still under way"
    gate.open.set()
    assert second.status == 200
    text = ReceivedStream(second.all()).text if streaming else second.response().message["content"]
    assert f"{mark}second" in text
    assert len(simulator.exchanges(bridge.github_token)) == 1
    assert simulator.ledger(f"{mark}first") == [], "nobody waits for its answer"
