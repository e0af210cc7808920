"""Reading a body on behalf of a client: its data, pings, stalls, and its end."""

import itertools
import socket
import time
from typing import Any

import gevent
import pytest
from unit.streaming.sockets import (
    LONG,
    SOON,
    Pair,
    later,
    reset,
    since,
)

from copilot_bridge.errors import StreamCut, UpstreamTimeout
from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.relay import STOPPED_MESSAGE
from copilot_bridge.streaming.wakeup import SocketWatcher

pytestmark = pytest.mark.usefixtures("no_watcher_left")


def test_data_is_yielded_as_it_arrives(new_relay: Any, upstream: Any) -> None:
    """None waits for the next one, which is sent only then."""
    body, far = upstream
    pieces = [b"piece %d" % number for number in range(4)]
    received: list[bytes] = []
    far.send(pieces[0])
    for piece in filter(None, new_relay().read(body)):
        received.append(piece)
        if len(received) < len(pieces):
            later(0.01, far.send, pieces[len(received)])
        else:
            later(0.01, far.close)
    assert received == pieces


def test_an_event_costs_two_reads(new_relay: Any, upstream: Any) -> None:
    """One read returns it, and one finds nothing more."""
    body, far = upstream
    for number in range(10):
        later(0.01 + number * 0.01, far.send, b"x")
    later(0.15, far.close)
    assert b"".join(new_relay().read(body)) == b"x" * 10
    assert body.reads <= 2 * 10 + 3


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
@pytest.mark.parametrize("busy", [False, True], ids=["silent", "busy"])
def test_reading_stops_when_the_client_disconnects(
    leave: Any, busy: bool, new_relay: Any, client: Pair, upstream: Any
) -> None:
    body, far = upstream
    writer = gevent.spawn(lambda: [far.send(b"x") and gevent.sleep(0.005) for _ in range(200)] if busy else 0)
    later(0.05, leave, client[1])
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        for _ in new_relay().read(body):
            pass
    assert since(began) < 0.05 + SOON
    writer.kill()


def test_a_client_that_disconnects_between_two_reads_is_noticed(
    new_relay: Any, client: Pair, upstream: Any
) -> None:
    body, far = upstream
    far.send(b"first")
    pieces = new_relay().read(body)
    assert next(pieces) == b"first"
    client[1].close()
    gevent.sleep(0.02)
    with pytest.raises(ClientDisconnected):
        next(pieces)


def test_pings_are_due_while_upstream_is_idle(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    received: list[bytes] = []
    began = time.monotonic()
    for piece in new_relay(keepalive=0.05).read(body):
        received.append(piece)
        if len(received) == 2:
            far.send(b"late")
        elif piece:
            far.close()
    assert received == [b"", b"", b"late"]
    assert since(began) > 0.09


def test_no_ping_is_due_while_the_client_is_sent_data(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(30):
        later(number * 0.02, far.send, b"x")
    later(0.65, far.close)
    relay = new_relay(keepalive=0.5)
    pieces = []
    for piece in relay.read(body):
        pieces.append(piece)
        relay.note_sent()
    assert b"" not in pieces


def test_pings_are_due_while_upstream_sends_nothing_for_the_client(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(12):
        later(number * 0.02, far.send, b"x")
    later(0.25, far.close)
    began = time.monotonic()
    pings = list(new_relay(keepalive=0.1).read(body)).count(b"")
    assert 2 <= pings <= since(began) / 0.09


@pytest.mark.parametrize(("keepalive", "signs"), [(LONG, 0), (0.05, 3), (0.12, 1)])
def test_an_upstream_that_stalls_is_a_timeout(
    keepalive: float, signs: int, new_relay: Any, upstream: Any
) -> None:
    received: list[bytes] = []
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout, match=r"0\.2 s"):
        received.extend(new_relay(keepalive=keepalive, stall=0.2).read(upstream[0]))
    assert received == [b""] * signs
    assert 0.19 <= since(began) < 0.2 + min(keepalive, 0.2) + SOON


def test_a_stall_is_counted_from_the_last_byte(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(6):
        later(number * 0.1, far.send, b"x")
    received: list[bytes] = []
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        received.extend(new_relay(keepalive=0.05, stall=0.4).read(body))
    assert b"".join(received) == b"x" * 6
    assert since(began) > 0.5 + 0.3


def test_a_lost_connection_is_a_cut_stream(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    far.send(b"first")
    body._end.setblocking(False)
    pieces = new_relay().read(body)
    assert next(pieces) == b"first"
    body._end.close()
    body._end = socket.socket()
    with pytest.raises(StreamCut):
        next(pieces)
    body._end.close()


class BodyWithoutSocket:
    """A body without a socket."""

    blocking = True

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self._pieces = list(pieces)
        self._breaks = breaks
        self.eof = False

    def read_available(self) -> bytes:
        if self._breaks and not self._pieces:
            raise StreamCut("it broke off")
        piece = self._pieces.pop(0) if self._pieces else b""
        self.eof = not piece
        return piece


def test_a_body_without_a_socket_is_read(new_relay: Any) -> None:
    assert list(new_relay().read(BodyWithoutSocket(b"a", b"b"))) == [b"a", b"b"]
    assert list(new_relay().read(BodyWithoutSocket())) == []
    with pytest.raises(StreamCut):
        list(new_relay().read(BodyWithoutSocket(b"a", breaks=True)))


def test_a_busy_consumer_does_not_make_the_loop_spin(
    new_relay: Any, client: Pair, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow client blocks the greenlet while both sockets are readable."""
    fired: list[SocketWatcher] = []
    watched = SocketWatcher._fire
    monkeypatch.setattr(SocketWatcher, "_fire", lambda self: (fired.append(self), watched(self))[1])
    body, far = upstream
    far.send(b"first")
    pieces = new_relay().read(body)
    assert next(pieces) == b"first"
    later(0.01, far.send, b"second")
    assert next(pieces) == b"second"
    fired.clear()
    far.send(b"third")
    client[1].send(b"GET / HTTP/1.1\r\n")
    spent = time.process_time()
    gevent.sleep(0.3)
    assert len(fired) <= 2, "one for each socket"
    assert time.process_time() - spent < 0.1
    assert next(pieces) == b"third"


def test_an_early_next_request_is_no_disconnection(new_relay: Any, client: Pair, upstream: Any) -> None:
    body, far = upstream
    relay = new_relay()
    client[1].send(b"GET / HTTP/1.1\r\n\r\n")
    assert list(relay.call(lambda: gevent.sleep(0.03) or "done")) == ["done"]
    later(0.05, far.send, b"x")
    later(0.08, far.close)
    spent = time.process_time()
    assert b"".join(relay.read(body)) == b"x"
    assert time.process_time() - spent < 0.05
    assert client[0].recv(99).startswith(b"GET"), "it is still there to be read"


def test_the_check_consumes_nothing_of_an_early_request(new_relay: Any, client: Pair) -> None:
    later(0.01, client[1].send, b"G")
    list(new_relay().call(lambda: gevent.sleep(0.05)))
    assert client[0].recv(9) == b"G"


class EndlessBody:
    """A body that never has to be waited for."""

    would_block = blocking = False

    def __init__(self, end: socket.socket, pieces: int) -> None:
        self._end = end
        self._left = pieces

    @property
    def eof(self) -> bool:
        return self._left == 0

    def fileno(self) -> int:
        return self._end.fileno()

    def read_available(self) -> bytes:
        self._left -= 1
        return b"x"


def test_a_stream_that_never_has_to_wait_lets_others_work(new_relay: Any, client: Pair) -> None:
    """Other greenlets run between any two reads, or they would wait for the end of the stream."""
    turns: list[int] = []

    def work() -> None:
        while True:
            turns.append(1)
            gevent.sleep(0)

    other = gevent.spawn(work)
    seen = [len(turns) for _ in new_relay().read(EndlessBody(client[0], 20))]
    other.kill()
    assert seen[0] == 0, "it has begun at once"
    assert all(later > earlier for earlier, later in itertools.pairwise(seen))


def test_a_stream_that_never_has_to_wait_can_be_stopped(new_relay: Any, client: Pair) -> None:
    """Its client gets an error, as with any other stream."""
    received: list[object] = []

    def serve() -> None:
        try:
            received.extend(new_relay().read(EndlessBody(client[0], 1_000_000)))
        except StreamCut as cut:
            received.append(str(cut))

    serving = gevent.spawn(serve)
    gevent.sleep(0)
    serving.kill()
    assert received[0] == b"x"
    assert received[-1] == STOPPED_MESSAGE


def test_the_rest_of_a_body_is_drained(new_relay: Any, upstream: Any) -> None:
    body, far = upstream
    far.send(b"x" * 1000)
    later(0.03, far.close)
    new_relay().drain(body, 1.0)
    assert body.eof


def test_draining_gives_up_on_an_idle_body(new_relay: Any, upstream: Any) -> None:
    began = time.monotonic()
    new_relay().drain(upstream[0], 0.1)
    assert 0.09 <= since(began) < 0.1 + SOON
    assert not upstream[0].eof


def test_draining_gives_up_on_an_endless_body(new_relay: Any, upstream: Any) -> None:
    """The response is complete; the client is waiting for its last byte."""
    body, far = upstream
    writer = gevent.spawn(lambda: [far.send(b": ping\n\n") and gevent.sleep(0.02) for _ in range(60)])
    began = time.monotonic()
    new_relay().drain(body, 0.1)
    assert since(began) < 0.1 + 2 * SOON
    writer.kill()


def test_draining_stops_when_the_client_disconnects(new_relay: Any, client: Pair, upstream: Any) -> None:
    later(0.02, client[1].close)
    began = time.monotonic()
    new_relay().drain(upstream[0], LONG)
    assert since(began) < SOON


def test_a_lost_connection_while_draining_is_ignored(new_relay: Any) -> None:
    new_relay().drain(BodyWithoutSocket(b"a", breaks=True), LONG)
