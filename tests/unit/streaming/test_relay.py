"""Relaying a body to a client, by the event loop where that is possible."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest
from unit.streaming.sockets import LONG, SOON, Pair, later, reset, since

from copilot_bridge.errors import InvalidRequest, StreamCut, UpstreamTimeout
from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.relay import StreamRelay
from copilot_bridge.streaming.wakeup import Wakeup

pytestmark = pytest.mark.usefixtures("no_watcher_left")


class UpperCaseReader:
    """A reader that writes upper case, and takes some words for commands."""

    def __init__(self) -> None:
        self.done = False
        self.failure: Exception | None = None

    def feed(self, piece: bytes) -> bytes:
        if b"bug" in piece:
            raise ValueError("a bug")
        if b"refused" in piece:
            self.failure = InvalidRequest("refused", param="n")
        self.done = b"done" in piece
        return b"" if piece == b"silent" else piece.upper()


class PlainSocketWriter:
    """A writer to the client's socket, without framing; `ready` once the head is sent."""

    ready = True

    def __init__(self, near: socket.socket) -> None:
        self._near = near
        self.waited = 0  # bytes that were written by waiting

    def send(self, piece: bytes) -> bytes:
        try:
            return piece[self._near.send(piece) :]
        except BlockingIOError:
            return piece

    def finish(self, rest: bytes) -> None:
        self.waited += len(rest)
        while rest := self.send(rest):
            gevent.socket.wait_write(self._near.fileno())


def send_words(far: socket.socket, *words: bytes) -> gevent.Greenlet:
    """Send the words one after the other, so that none is read together with the next."""
    return gevent.spawn(lambda: [far.send(word) and gevent.sleep(0.01) for word in words])


def received(far: socket.socket) -> bytes:
    far.setblocking(False)
    try:
        return far.recv(1 << 20)
    except BlockingIOError:
        return b""


@pytest.fixture
def relay(client: Pair, upstream: Any) -> Iterator[Callable[..., Any]]:
    """Relays a body to its end, and returns what went through the server; the rest went to the socket."""
    made: list[StreamRelay] = []

    def run(*, ready: bool = True, keepalive: float = LONG, stall: float = LONG) -> list[bytes]:
        writer = PlainSocketWriter(client[0])
        writer.ready = ready
        made.append(StreamRelay(client[0], keepalive, stall, writer))
        return list(made[-1].relay(upstream[0], UpperCaseReader(), lambda _: None))

    yield run
    for one in made:
        one.close()


def test_all_data_is_relayed_in_order(relay: Any, client: Pair, upstream: Any) -> None:
    """The first data goes through the server, which puts the head before it; the rest goes to the socket."""
    body, far = upstream
    send_words(far, b"one ", b"two ", b"three ", b"four done", b"never")
    served = relay()
    if body.blocking:
        assert served == [b"ONE ", b"TWO ", b"THREE ", b"FOUR DONE"]
    else:
        assert served == [b"ONE "]
        assert received(client[1]) == b"TWO THREE FOUR DONE"


def test_without_a_ready_writer_the_server_writes_everything(relay: Any, upstream: Any) -> None:
    send_words(upstream[1], b"one ", b"two ", b"three done")
    assert relay(ready=False) == [b"ONE ", b"TWO ", b"THREE DONE"]


def test_the_greenlet_is_not_woken_for_what_the_loop_can_do(
    relay: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, far = upstream
    if body.blocking:
        pytest.skip("that way it has to be")
    woken: list[object] = []
    switched = Wakeup.wait
    monkeypatch.setattr(Wakeup, "wait", lambda self: (switched(self), woken.append(self))[0])
    send_words(far, b"one ", *[b"more "] * 20, b"done")
    relay()
    assert len(woken) <= 3, "for the first piece, for the head's sake, and for the end"


def test_the_end_of_the_body_ends_the_relay(relay: Any, client: Pair, upstream: Any) -> None:
    body, far = upstream
    send_words(far, b"one ", b"two").link(lambda _: far.shutdown(socket.SHUT_WR))
    served = relay()
    assert b"".join(served) + received(client[1]) == b"ONE TWO"
    assert body.eof


@pytest.mark.parametrize("first", [[], [b"one "]], ids=["the first", "a later one"])
def test_a_failure_comes_after_the_data_before_it(
    first: list[bytes], relay: Any, client: Pair, upstream: Any
) -> None:
    send_words(upstream[1], *first, b"and refused", b"never")
    with pytest.raises(InvalidRequest):
        relay()
    assert upstream[0].blocking or not first or received(client[1]) == b"AND REFUSED"


@pytest.mark.parametrize("first", [[], [b"one "]], ids=["the first", "a later one"])
def test_an_error_in_the_loop_is_raised_in_the_greenlet(
    first: list[bytes], relay: Any, upstream: Any, capfd: Any
) -> None:
    send_words(upstream[1], *first, b"bug")
    with pytest.raises(ValueError, match="a bug"):
        relay()
    assert capfd.readouterr().err == "", "the loop prints what is raised in it"


def test_a_lost_connection_while_relaying_is_a_cut_stream(relay: Any, upstream: Any) -> None:
    body, far = upstream

    def lose(_: object) -> None:
        body._receive = broken
        far.send(b"three")

    send_words(far, b"one ", b"two ").link(lose)
    with pytest.raises(StreamCut):
        relay()


def broken() -> bytes:
    raise ConnectionResetError


def test_a_slow_client_gets_everything_and_upstream_waits(client: Pair, upstream: Any) -> None:
    """No more is read from upstream until the client has taken what was read before."""
    body, far = upstream
    for end in (*client, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    writer = PlainSocketWriter(client[0])
    relay = StreamRelay(client[0], LONG, LONG, writer)
    text = bytes(range(48, 58)) * 2000
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    writing = gevent.spawn(
        lambda: ([gevent.socket.wait_write(far.fileno()) or far.send(piece) for piece in pieces])
    )
    served: list[bytes] = []

    def serve() -> None:
        for out in relay.relay(body, UpperCaseReader(), lambda _: None):
            served.append(out)
            writer.finish(out)

    serving = gevent.spawn(serve)
    data = b""
    gevent.sleep(0.1)
    assert not writing.ready(), "upstream is not read for a client that does not read"
    reads = body.reads
    gevent.sleep(0.1)
    assert body.reads == reads
    while len(data) < len(text):
        gevent.socket.wait_read(client[1].fileno())
        data += received(client[1])
    assert data == text
    serving.kill()
    relay.close()
    assert body.blocking or writer.waited < len(text), "only what the socket did not take had to wait"


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
def test_relaying_stops_when_the_client_disconnects(
    leave: Any, relay: Any, client: Pair, upstream: Any
) -> None:
    far = upstream[1]
    writing = gevent.spawn(lambda: [far.send(b"more ") and gevent.sleep(0.005) for _ in range(200)])
    later(0.05, leave, client[1])
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        relay()
    assert since(began) < 0.05 + SOON
    writing.kill()


def test_an_error_of_a_write_is_a_disconnection(client: Pair, upstream: Any) -> None:
    """The kind of the error does not matter."""
    body, far = upstream
    writer = PlainSocketWriter(client[0])
    writer.send = lambda _piece: broken()  # type: ignore[method-assign]
    relay = StreamRelay(None, LONG, LONG, writer)
    relayed = relay.relay(body, UpperCaseReader(), lambda _: None)
    far.send(b"one ")
    assert next(relayed) == b"ONE "
    later(0.01, far.send, b"two ")
    if body.blocking:
        assert next(relayed) == b"TWO "
    else:
        with pytest.raises(ClientDisconnected):
            next(relayed)
    relayed.close()
    relay.close()


def test_no_ping_is_due_while_the_loop_sends_data(relay: Any, upstream: Any) -> None:
    """Data that the event loop sends resets the idle timer, too."""
    send_words(upstream[1], *[b"word "] * 12, b"done")
    assert b"" not in relay(keepalive=0.1)


def test_pings_are_due_while_nothing_is_sent(relay: Any, upstream: Any) -> None:
    send_words(upstream[1], b"one ", *[b"silent"] * 12, b"done")
    assert relay(keepalive=0.05).count(b"") >= 2


def test_a_stall_while_relaying_is_counted_from_the_last_byte(relay: Any, upstream: Any) -> None:
    send_words(upstream[1], *[b"word "] * 60)  # for 0.6 s
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        relay(keepalive=0.05, stall=0.4)
    assert since(began) > 0.59 + 0.39
