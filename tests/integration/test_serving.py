"""The servers: how they stop, what they hold in memory, which connections they use."""

import fcntl
import json
import resource
import signal
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from integration.harness import (
    DONE,
    PATIENCE,
    Bridge,
    Junction,
    ReceivedStream,
    Simulator,
    Start,
    Stream,
    chat_body,
    head,
)

from copilot_bridge.serving import limits

BOTH = pytest.mark.parametrize("server", ["gunicorn", "gevent"])
MB = 1 << 20


def await_refusal(bridge: Bridge) -> None:
    """Wait until the bridge no longer listens."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            bridge.connect().close()
        except ConnectionError:
            return
        time.sleep(0.01)  # nothing tells from outside that a listener has been closed
    raise AssertionError("it still accepts connections")


def idle_connection(bridge: Bridge) -> socket.socket:
    """A connection that has been used, and waits for its next request."""
    sock = bridge.connect()
    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n")
    assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    return sock


@BOTH
def test_sigterm_lets_running_streams_finish(
    start_bridge: Start, simulator: Simulator, mark: str, server: str
) -> None:
    bridge = start_bridge(server=server, workers=2, graceful_timeout=15)
    bridge.chat("hello")
    with closing(idle_connection(bridge)):
        streams = [bridge.stream(f"[[sim:flood events=16 size=10 gap=50]] {mark}") for _ in range(3)]
        frames = [stream.frames() for stream in streams]
        first = [next(frame) for frame in frames]
        asked = bridge.ask_to_stop(signal.SIGTERM)
        await_refusal(bridge)
        assert bridge.process.poll() is None
        for start, rest in zip(first, frames, strict=True):
            received = ReceivedStream([start, *rest])
            assert received.finish_reason == "stop"
            assert received.text.count("The quick") == 16
        assert bridge.wait() == 0
        assert time.monotonic() - asked < 12, "the streams took 0.8 s; what else held it up?"
    assert {entry["outcome"] for entry in simulator.ledger(mark)} == {"complete"}
    bridge.stop()
    assert sum('"outcome":"ok"' in line for line in bridge.log.all()) >= 4, "each has its line in the log"


@BOTH
def test_idle_connections_do_not_delay_a_stop(start_bridge: Start, server: str) -> None:
    bridge = start_bridge(server=server, graceful_timeout=20)
    with closing(idle_connection(bridge)), closing(bridge.connect()):
        asked = bridge.ask_to_stop(signal.SIGTERM)
        assert bridge.wait() == 0
        assert time.monotonic() - asked < 15
    bridge.stop()
    assert not [line for line in bridge.log.all() if "Traceback" in line]


@BOTH
def test_a_stream_is_ended_after_the_graceful_timeout(
    start_bridge: Start, simulator: Simulator, mark: str, server: str
) -> None:
    bridge = start_bridge(server=server, graceful_timeout=1)
    stream = bridge.stream(f"[[sim:stall after=4 seconds=30]] one two three {mark}")
    assert next(stream.frames())
    asked = bridge.ask_to_stop(signal.SIGTERM)
    bridge.wait()
    assert time.monotonic() - asked < 20
    assert simulator.ended(mark)["outcome"] == "client-gone"


@BOTH
def test_ctrl_c_ends_streams_at_once(
    start_bridge: Start, simulator: Simulator, mark: str, server: str
) -> None:
    """Neither the stream nor the graceful timeout, of 30 s each, is waited for."""
    bridge = start_bridge(server=server)
    stream = bridge.stream(f"[[sim:stall after=4 seconds=30]] one two three {mark}")
    assert next(stream.frames())
    bridge.ask_to_stop(signal.SIGINT)
    assert bridge.wait(10) == 0
    assert simulator.ended(mark)["outcome"] == "client-gone"
    bridge.stop()
    assert not [line for line in bridge.log.all() if "Traceback" in line]


def test_the_first_event_follows_the_head_at_once(any_bridge: Bridge) -> None:
    """On a connection that has been used for a while, too: there small writes might be put together."""
    body = json.dumps(chat_body("hello", "gpt-4o", stream=True)).encode()

    def after_the_head(sock: socket.socket) -> float:
        sock.sendall(head("POST", "/v1/chat/completions", body, {}) + body)
        stream = Stream(sock).begin()
        first, *_ = stream.all()
        return first.at - stream.opened

    with closing(any_bridge.connect()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = [after_the_head(sock) for _ in range(16)]
    assert min(times[8:]) < 0.02


@pytest.fixture
def junction(simulator: Simulator) -> Iterator[Junction]:
    junction = Junction(simulator.url)
    yield junction
    junction.close()


@BOTH
def test_streams_in_a_row_use_one_upstream_connection(
    start_bridge: Start, junction: Junction, server: str
) -> None:
    bridge = start_bridge(server=server, copilot_api_url=junction.url)
    kinds = ("", "[[sim:flood events=300 size=500 shape=claude]]", "[[sim:length-delimited]]", "[[sim:gzip]]")
    for number in range(20):
        stream = bridge.stream(f"{kinds[number % 4]} hello")
        assert stream.all()[-1].is_done
        stream.close()
        assert junction.count == 1, f"lost after {kinds[number % 4]}"


EMBED = {"model": "text-embedding-3-small", "input": "a"}
RESPONSES: dict[str, Callable[[Bridge], object]] = {
    "whole": lambda bridge: bridge.chat("hello").message,
    "folded": lambda bridge: bridge.chat("hello", "claude-sonnet-4.5").message,
    "refused": lambda bridge: bridge.chat("[[sim:status code=429]]").error,
    "refused in HTML": lambda bridge: bridge.chat("[[sim:refuse name=unicorn]]").error,
    "embeddings": lambda bridge: bridge.request("POST", "/v1/embeddings", EMBED).json["data"],
}


def test_whole_responses_reuse_the_upstream_connection(start_bridge: Start, junction: Junction) -> None:
    bridge = start_bridge(server="gevent", copilot_api_url=junction.url)
    for kind, response in RESPONSES.items():
        for _ in range(3):
            assert response(bridge)
        assert junction.count == 1, f"lost after {kind}"


@BOTH
def test_a_connection_that_upstream_has_closed_meanwhile_is_replaced(
    start_bridge: Start, junction: Junction, server: str
) -> None:
    bridge = start_bridge(server=server, copilot_api_url=junction.url)
    assert bridge.receive_stream("hello").text
    for sock in junction._sockets:
        with suppress(OSError):  # the end of one is passed on to the other
            sock.shutdown(socket.SHUT_RDWR)
    assert bridge.receive_stream("hello").text
    assert junction.count == 2


def test_parallel_streams_do_not_delay_each_other(any_bridge: Bridge) -> None:
    """Each brings its first events while all others go on, for minutes."""
    streams = [any_bridge.stream("[[sim:flood events=6000 size=10 gap=50]]") for _ in range(40)]
    try:
        frames = [stream.frames() for stream in streams]
        for _ in range(3):
            assert all(next(its_frames) for its_frames in frames)
    finally:
        for stream in streams:
            stream.leave()


def unread(sock: socket.socket) -> int:
    """Bytes that wait in the socket."""
    buffer = fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
    count: int = struct.unpack("i", buffer)[0]
    return count


def await_standstill(bridge: Bridge, sock: socket.socket) -> int:
    """Until nothing moves any more: the most memory that was used meanwhile."""
    most, still, before = 0, 0, (-1, -1)
    while still < 8:
        time.sleep(0.05)
        now = (unread(sock), bridge.memory())
        most = max(most, now[1])
        still = still + 1 if now[0] == before[0] and abs(now[1] - before[1]) < 65536 else 0
        before = now
    return most


@pytest.mark.parametrize(("server", "shape"), [("gunicorn", "azure"), ("gevent", "clean")])
def test_a_slow_client_does_not_fill_the_memory(start_bridge: Start, server: str, shape: str) -> None:
    """The client does not read 50 MB: upstream has to wait, and the memory does not grow."""
    bridge = start_bridge(server=server)
    flood = f"[[sim:flood events=50000 size=1000 shape={shape}]]"
    assert (
        len(bridge.receive_stream(flood.replace("50000", "5000")).text) == 5_000_000
    )  # the allocator has warmed up
    before = bridge.memory()
    stream = bridge.stream(flood)
    assert stream.status == 200
    most = await_standstill(bridge, stream._sock)
    assert most - before < 2 * MB
    texts, last = 0, b""
    for frame in stream.frames():
        texts += b'"content":"The quick' in frame.raw
        last = frame.raw
    assert texts == 50_000
    assert last == DONE


HELD = 256 * 1024  # bytes; the most that the bridge holds for a client that reads slowly
SLOW = 8  # clients


@BOTH
def test_clients_that_do_not_read_cost_little_and_delay_no_other(start_bridge: Start, server: str) -> None:
    """Upstream has 20 MB for each; they stay there, or in the buffers of the system."""
    bridge = start_bridge(server=server)
    flood = "[[sim:flood events={} size=1000 shape=clean]]"
    warming = [bridge.stream(flood.format(1000)) for _ in range(SLOW)]
    assert all(stream.all()[-1].is_done for stream in warming)
    before = bridge.memory()
    slow = [bridge.stream(flood.format(20_000)) for _ in range(SLOW)]
    assert all(stream.status == 200 for stream in slow)
    most = await_standstill(bridge, slow[-1]._sock)
    assert most - before < SLOW * HELD
    began = time.monotonic()
    assert (
        ReceivedStream(bridge.stream("[[sim:flood events=5 size=10 gap=40]]").all()).finish_reason == "stop"
    )
    assert time.monotonic() - began < 5
    last = [frame.raw for frame in slow[0].frames()]
    assert sum(b'"content":"The quick' in raw for raw in last) == 20_000
    assert last[-1] == DONE


Limits = tuple[int, int]
SMALL = 512  # open files, where 1,024 are the usual limit


@pytest.fixture
def few_open_files() -> Iterator[Limits]:
    """(the limit, which is low, and how far it may be raised) for us and for all that we start."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (SMALL, hard))
    yield SMALL, limits.MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, limits.MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@BOTH
def test_a_thousand_streams_may_have_their_files_open(
    start_bridge: Start, few_open_files: Limits, server: str
) -> None:
    """Two for each stream; the usual limit would end at 500 of them."""
    low, wanted = few_open_files
    bridge = start_bridge(server=server)
    assert bridge.request("GET", "/healthz").status == 200
    for worker in bridge.workers():
        assert resource.prlimit(worker, resource.RLIMIT_NOFILE)[0] == wanted
    assert low < wanted
