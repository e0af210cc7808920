"""The waiting, on socket pairs; gevent has patched nothing here, so a slip would block for good."""

import gc
import itertools
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event
import gevent.socket
import pytest
from gevent.hub import get_hub

from copilot_bridge.errors import InvalidRequest, StreamCut, UpstreamTimeout
from copilot_bridge.streaming.client_connection import CONTINUE, ClientDisconnected
from copilot_bridge.streaming.relay import STOPPED_MESSAGE, StreamRelay, capture_result
from copilot_bridge.streaming.wakeup import IdleTimer, SocketWatcher, Wakeup
from copilot_bridge.threads import run_in_thread

SOON = 0.1  # s; in which a departure has to be noticed
LONG = 30.0  # s; what nobody waits for


class Pipe:
    """A body that is whatever is in a socket: `Delivery` asks no more of one."""

    blocking = False

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.eof = False
        self.would_block = False
        self.taken = 0

    def fileno(self) -> int:
        return self._end.fileno()

    def read_available(self) -> bytes:
        self.taken += 1
        try:
            data = self._receive()
        except BlockingIOError:
            return b""
        except OSError as error:
            raise StreamCut("it broke off") from error
        self.eof = not data
        self.would_block = len(data) < 65536
        return data

    def _receive(self) -> bytes:
        return self._end.recv(65536)


class PlainPipe(Pipe):
    """One whose `take` waits, as it would if gevent had patched the socket."""

    blocking = True

    def _receive(self) -> bytes:
        gevent.socket.wait_read(self._end.fileno())
        return self._end.recv(65536)


@pytest.fixture(autouse=True)
def _nobody_waits_long() -> Iterator[None]:
    with gevent.Timeout(10):
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left_with_the_loop(_nobody_waits_long: None) -> Iterator[None]:
    before = watchers()
    yield
    assert left_over(before) == 0


def watchers() -> int:
    gevent.sleep(0.002)  # what is killed dies in the next round
    return int(get_hub().loop.activecnt)


def left_over(before: int) -> int:
    """How many watchers there are more than before; garbage is no leak."""
    more = watchers() - before
    for _ in range(5):
        if more > 0:
            gc.collect()
            more = watchers() - before
    return max(0, more)


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Callable[[], Pair]]:
    made: list[socket.socket] = []

    def make() -> Pair:
        near, far = socket.socketpair()
        near.setblocking(False)
        made.extend((near, far))
        return near, far

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client(pair: Callable[[], Pair]) -> Pair:
    """(our end, the client's)"""
    return pair()


@pytest.fixture(params=[Pipe, PlainPipe], ids=["fast", "plain"])
def upstream(request: pytest.FixtureRequest, pair: Callable[[], Pair]) -> tuple[Pipe, socket.socket]:
    """(what we read, where upstream writes), for either way of reading"""
    near, far = pair()
    return request.param(near), far


@pytest.fixture
def deliver(client: Pair) -> Iterator[Callable[..., StreamRelay]]:
    made: list[StreamRelay] = []

    def make(
        *, keepalive: float = LONG, stall: float = LONG, to: Any = client[0], accepts_continue: bool = True
    ) -> StreamRelay:
        made.append(StreamRelay(to, keepalive, stall, accepts_continue=accepts_continue))
        return made[-1]

    yield make
    for each in made:
        each.close()


def later(seconds: float, function: Callable[..., object], *args: object) -> None:
    gevent.spawn_later(seconds, function, *args)


def reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def since(began: float) -> float:
    return time.monotonic() - began


# Bell.


def test_a_ring_wakes_the_sleeper() -> None:
    wakeup, reset = Wakeup(), []

    def sleep() -> None:
        wakeup.wait()
        reset.append("rung")

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    assert wakeup.has_waiter is True
    assert reset == []
    get_hub().loop.run_callback(wakeup.set)
    sleeper.join(1)
    assert reset == ["rung"]
    assert not wakeup.has_waiter


def test_a_ring_that_nobody_hears_is_kept_once() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set("whoever")
    wakeup.wait()
    get_hub().loop.run_callback(wakeup.set)
    began = time.monotonic()
    wakeup.wait()
    assert since(began) < SOON
    assert not wakeup.has_waiter


def test_a_sleeper_that_is_killed_is_not_rung_for() -> None:
    wakeup = Wakeup()
    sleeper = gevent.spawn(wakeup.wait)
    gevent.sleep(0)
    sleeper.kill()
    assert not wakeup.has_waiter
    wakeup.set()
    wakeup.wait()


# Readable.


def test_readable_rings_and_says_so(pair: Callable[[], Pair]) -> None:
    near, far = pair()
    wakeup = Wakeup()
    watcher = SocketWatcher(near.fileno(), wakeup)
    watcher.start()
    watcher.start()
    later(0.01, far.send, b"x")
    wakeup.wait()
    assert watcher.fired
    watcher.close()


def test_a_readable_socket_does_not_make_the_loop_spin(pair: Callable[[], Pair]) -> None:
    """Nobody reads what is there, because the greenlet is busy elsewhere."""
    near, far = pair()
    watcher, fired = SocketWatcher(near.fileno(), Wakeup()), []
    ring = watcher._wakeup.set
    watcher._wakeup.set = lambda *_: (fired.append(1), ring())  # type: ignore[method-assign]
    watcher.start()
    far.send(b"x")
    gevent.sleep(SOON)
    assert len(fired) == 1
    watcher.start()
    gevent.sleep(SOON)
    assert len(fired) == 2
    watcher.close()


def test_a_pause_is_one(pair: Callable[[], Pair]) -> None:
    near, far = pair()
    watcher = SocketWatcher(near.fileno(), Wakeup())
    watcher.start()
    watcher.stop()
    far.send(b"x")
    gevent.sleep(0.01)
    assert not watcher.fired
    watcher.close()


# Silence.


def test_silence_rings_again_and_again() -> None:
    wakeup = Wakeup()
    idle = IdleTimer(0.05, wakeup)
    began = time.monotonic()
    for _ in range(3):
        wakeup.wait()
        assert idle.expired
        idle.expired = False
    assert since(began) == pytest.approx(0.15, abs=0.05)
    idle.close()


def test_who_is_heard_is_not_silent() -> None:
    wakeup = Wakeup()
    idle = IdleTimer(0.1, wakeup)
    began = time.monotonic()
    while since(began) < 0.3:
        gevent.sleep(0.02)
        idle.reset()
        assert not idle.expired
    spoke = time.monotonic()
    wakeup.wait()
    assert idle.expired
    assert since(spoke) == pytest.approx(0.1, abs=0.05)
    idle.close()


def test_hearing_costs_no_timer() -> None:
    idle = IdleTimer(LONG, Wakeup())
    before = idle._timer
    for _ in range(100):
        idle.reset()
    assert idle._timer is before
    idle.close()


def test_who_is_woken_by_silence_may_close_it_at_once() -> None:
    """As a relay does that gives up; a timer that comes back to life would ring for ever."""
    before = watchers()
    wakeup = Wakeup()
    idle = IdleTimer(0.01, wakeup)
    wakeup.wait()
    idle.close()
    assert left_over(before) == 0


# Calls.


def test_a_call_gives_its_result(deliver: Any) -> None:
    assert list(deliver().call(lambda: "done")) == ["done"]


def test_a_call_may_wait(deliver: Any) -> None:
    def wait() -> str:
        gevent.sleep(0.05)
        return "done"

    assert list(deliver().call(wait)) == ["done"]


def test_one_call_after_the_other(deliver: Any) -> None:
    relay = deliver()
    assert [list(relay.call(lambda: 1)), list(relay.call(lambda: 2))] == [[1], [2]]


def test_a_stream_keeps_nothing_of_the_call_that_opened_it(deliver: Any) -> None:
    made = greenlets()
    opening = deliver().call(lambda: gevent.sleep(0.01) or "done")
    assert next(opening) == "done"
    gevent.sleep(0)  # the loop has done with it
    assert greenlets() == made
    opening.close()


def greenlets() -> int:
    gc.collect()
    return sum(isinstance(each, gevent.Greenlet) for each in gc.get_objects())


def test_silences_of_a_call_are_told(deliver: Any) -> None:
    """As often as it is silent for so long; and its end is told at once, not with the next of them."""
    relay = deliver(keepalive=0.05)
    enough = gevent.event.Event()
    began = time.monotonic()
    told: list[object] = []
    moments = [0.0]
    for result in relay.call(lambda: enough.wait() and "done"):
        told.append(result)
        moments.append(since(began))
        if len(told) == 3:
            enough.set()
    assert told == [None, None, None, "done"]
    assert all(later - earlier > 0.04 for earlier, later in itertools.pairwise(moments[:4]))


@pytest.mark.parametrize("error", [InvalidRequest("no", param="n"), ValueError("no"), UpstreamTimeout("no")])
@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_what_a_call_raises_comes_through(error: Exception, pause: float, deliver: Any, capfd: Any) -> None:
    def fail() -> None:
        gevent.sleep(pause)
        raise error

    with pytest.raises(type(error)) as raised:
        list(deliver().call(fail))
    assert raised.value is error
    assert capfd.readouterr().err == "", "gevent prints what a greenlet raises"


def test_an_attempt_gives_one_or_the_other() -> None:
    error = ValueError()
    assert capture_result(lambda: 1) == (1, None)
    assert capture_result(lambda: (_ for _ in ()).throw(error)) == (None, error)


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
def test_a_client_that_leaves_during_a_call(leave: Any, deliver: Any, client: Pair) -> None:
    stopped: list[float] = []

    def wait() -> None:
        try:
            gevent.sleep(LONG)
        finally:
            stopped.append(time.monotonic())

    relay = deliver()
    later(0.05, leave, client[1])
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        list(relay.call(wait))
    assert since(began) < 0.05 + SOON
    relay.close()
    gevent.sleep(0.01)
    assert stopped, "nobody waits for the result"


def test_a_client_that_resets_its_connection(deliver: Any) -> None:
    """Over TCP, where it is an error and no end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    with near:
        later(0.02, reset, far)
        began = time.monotonic()
        with pytest.raises(ClientDisconnected):
            list(deliver(to=near).call(lambda: gevent.sleep(LONG)))
        assert since(began) < 0.02 + SOON


def test_a_ring_for_nothing_is_no_departure(deliver: Any, client: Pair) -> None:
    relay = deliver()
    relay._client._watcher.fired = True
    assert list(relay.call(lambda: gevent.sleep(0.01) or "done")) == ["done"]


def test_a_client_that_has_left_before(deliver: Any, client: Pair) -> None:
    client[1].close()
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        list(deliver().call(lambda: gevent.sleep(LONG)))
    assert since(began) < SOON


def test_a_client_that_only_stops_writing_is_asked_whether_it_reads(deliver: Any, client: Pair) -> None:
    later(0.01, client[1].shutdown, socket.SHUT_WR)

    def wait() -> str:
        """Until the client has been asked; on a busy machine that takes its time."""
        end = time.monotonic() + 5
        while not select.select([client[1]], [], [], 0)[0] and time.monotonic() < end:
            gevent.sleep(0.01)
        return "done"

    assert list(deliver().call(wait)) == ["done"]
    client[1].settimeout(5)
    assert client[1].recv(100) == CONTINUE


def test_a_client_that_is_not_to_be_asked_has_left(deliver: Any, client: Pair) -> None:
    """As proxies that speak HTTP/1.0."""
    later(0.01, client[1].shutdown, socket.SHUT_WR)
    with pytest.raises(ClientDisconnected):
        list(deliver(accepts_continue=False).call(lambda: gevent.sleep(LONG)))


def test_in_a_stream_a_sign_of_life_asks(deliver: Any, client: Pair, upstream: Any) -> None:
    relay = deliver()
    relay.note_response_started()
    later(0.01, client[1].shutdown, socket.SHUT_WR)
    assert next(relay.read(upstream[0])) == b""


def test_a_call_without_a_client(deliver: Any) -> None:
    def wait() -> str:
        gevent.sleep(0.08)
        return "done"

    assert list(deliver(to=None, keepalive=0.05).call(wait)) == [None, "done"]


# Pieces.


def test_pieces_come_as_they_arrive(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    began = time.monotonic()
    for number in range(4):
        later(number * 0.03, far.send, b"piece %d" % number)
    later(0.12, far.close)
    told = [(piece, since(began)) for piece in deliver().read(body)]
    assert [piece for piece, _ in told if piece] == [b"piece %d" % number for number in range(4)]
    assert [at for piece, at in told if piece] == pytest.approx([0, 0.03, 0.06, 0.09], abs=0.03)


def test_an_event_costs_one_look(deliver: Any, upstream: Any) -> None:
    """One that finds it, and one that finds nothing more."""
    body, far = upstream
    for number in range(10):
        later(0.01 + number * 0.01, far.send, b"x")
    later(0.15, far.close)
    assert b"".join(deliver().read(body)) == b"x" * 10
    assert body.taken <= 2 * 10 + 3


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
@pytest.mark.parametrize("busy", [False, True], ids=["silent", "busy"])
def test_a_client_that_leaves_during_pieces(
    leave: Any, busy: bool, deliver: Any, client: Pair, upstream: Any
) -> None:
    body, far = upstream
    writer = gevent.spawn(lambda: [far.send(b"x") and gevent.sleep(0.005) for _ in range(200)] if busy else 0)
    later(0.05, leave, client[1])
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        for _ in deliver().read(body):
            pass
    assert since(began) < 0.05 + SOON
    writer.kill()


def test_a_client_that_leaves_while_it_is_written_to(deliver: Any, client: Pair, upstream: Any) -> None:
    body, far = upstream
    far.send(b"first")
    pieces = deliver().read(body)
    assert next(pieces) == b"first"
    client[1].close()
    gevent.sleep(0.02)
    with pytest.raises(ClientDisconnected):
        next(pieces)


def test_silences_of_upstream_are_told(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    later(0.12, far.send, b"late")
    later(0.14, far.close)
    began = time.monotonic()
    told = [(piece, since(began)) for piece in deliver(keepalive=0.05).read(body)]
    assert [piece for piece, _ in told] == [b"", b"", b"late"]
    assert [at for _, at in told] == pytest.approx([0.05, 0.1, 0.12], abs=0.04)


def test_a_busy_upstream_is_not_silent(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(12):
        later(number * 0.02, far.send, b"x")
    later(0.25, far.close)
    relay = deliver(keepalive=0.1)
    pieces = []
    for piece in relay.read(body):
        pieces.append(piece)
        relay.note_sent()
    assert b"" not in pieces


def test_a_busy_upstream_that_says_nothing_to_the_client_is_silent(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(12):
        later(number * 0.02, far.send, b"x")
    later(0.25, far.close)
    assert list(deliver(keepalive=0.1).read(body)).count(b"") == 2


@pytest.mark.parametrize(("keepalive", "signs"), [(LONG, 0), (0.05, 3), (0.12, 1)])
def test_an_upstream_that_stalls(keepalive: float, signs: int, deliver: Any, upstream: Any) -> None:
    told: list[bytes] = []
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout, match=r"0\.2 s"):
        told.extend(deliver(keepalive=keepalive, stall=0.2).read(upstream[0]))
    assert told == [b""] * signs
    assert 0.19 <= since(began) < 0.2 + min(keepalive, 0.2) + SOON


def test_a_stall_is_counted_from_the_last_byte(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    for number in range(6):
        later(number * 0.06, far.send, b"x")
    told: list[bytes] = []
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        told.extend(deliver(keepalive=0.05, stall=0.15).read(body))
    assert told.count(b"x") == 6
    assert since(began) > 0.3 + 0.14


def test_a_body_that_breaks_off(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    far.send(b"first")
    body._end.setblocking(False)
    pieces = deliver().read(body)
    assert next(pieces) == b"first"
    body._end.close()
    body._end = socket.socket()
    with pytest.raises(StreamCut):
        next(pieces)
    body._end.close()


class Early:
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


def test_a_body_without_a_socket(deliver: Any) -> None:
    assert list(deliver().read(Early(b"a", b"b"))) == [b"a", b"b"]
    assert list(deliver().read(Early())) == []
    with pytest.raises(StreamCut):
        list(deliver().read(Early(b"a", breaks=True)))


def test_a_consumer_that_is_busy_does_not_make_the_loop_spin(
    deliver: Any, client: Pair, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow client blocks the greenlet while both sockets have something to say."""
    fired: list[SocketWatcher] = []
    watched = SocketWatcher._fire
    monkeypatch.setattr(SocketWatcher, "_fire", lambda self: (fired.append(self), watched(self))[1])
    body, far = upstream
    far.send(b"first")
    pieces = deliver().read(body)
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


def test_a_client_that_sends_its_next_request_early_has_not_left(
    deliver: Any, client: Pair, upstream: Any
) -> None:
    body, far = upstream
    relay = deliver()
    client[1].send(b"GET / HTTP/1.1\r\n\r\n")
    assert list(relay.call(lambda: gevent.sleep(0.03) or "done")) == ["done"]
    later(0.05, far.send, b"x")
    later(0.08, far.close)
    spent = time.process_time()
    assert b"".join(relay.read(body)) == b"x"
    assert time.process_time() - spent < 0.05
    assert client[0].recv(99).startswith(b"GET"), "it is still there to be read"


def test_nothing_early_is_lost_by_looking(deliver: Any, client: Pair) -> None:
    later(0.01, client[1].send, b"G")
    list(deliver().call(lambda: gevent.sleep(0.05)))
    assert client[0].recv(9) == b"G"


class Torrent:
    """A body of so many pieces, each of which is there before it is asked for."""

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


def test_a_stream_that_never_has_to_wait_lets_others_work(deliver: Any, client: Pair) -> None:
    """Between any two of its pieces, or whoever else is served would wait for its end."""
    turns: list[int] = []

    def work() -> None:
        while True:
            turns.append(1)
            gevent.sleep(0)

    other = gevent.spawn(work)
    seen = [len(turns) for _ in deliver().read(Torrent(client[0], 20))]
    other.kill()
    assert seen[0] == 0, "it has begun at once"
    assert all(later > earlier for earlier, later in itertools.pairwise(seen))


def test_a_stream_that_never_has_to_wait_can_be_stopped(deliver: Any, client: Pair) -> None:
    """Its client is told, as with any other."""
    told: list[object] = []

    def serve() -> None:
        try:
            told.extend(deliver().read(Torrent(client[0], 1_000_000)))
        except StreamCut as cut:
            told.append(str(cut))

    serving = gevent.spawn(serve)
    gevent.sleep(0)
    serving.kill()
    assert told[0] == b"x"
    assert told[-1] == STOPPED_MESSAGE


# Relaying.


class Echo:
    """A reader that shouts, and knows a few words."""

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


class Writer:
    """A client's socket as a server offers it, here without any framing; `ready` once the head is sent."""

    ready = True

    def __init__(self, near: socket.socket) -> None:
        self.socket = self
        self._near = near
        self.waited = 0  # bytes that were written by waiting

    def send(self, piece: bytes) -> bytes:
        try:
            return piece[self._near.send(piece) :]
        except BlockingIOError:
            return piece

    def sendall(self, rest: bytes) -> None:
        self.waited += len(rest)
        while rest := self.send(rest):
            gevent.socket.wait_write(self._near.fileno())


def feed(far: socket.socket, *words: bytes) -> gevent.Greenlet:
    """One after the other, so that none is read together with the next."""
    return gevent.spawn(lambda: [far.send(word) and gevent.sleep(0.01) for word in words])


def hear(far: socket.socket) -> bytes:
    far.setblocking(False)
    try:
        return far.recv(1 << 20)
    except BlockingIOError:
        return b""


@pytest.fixture
def relay(client: Pair, upstream: Any) -> Iterator[Callable[..., Any]]:
    """Relays to its end: what was handed to the server.  The socket's part is what the client hears."""
    made: list[StreamRelay] = []

    def run(*, ready: bool = True, keepalive: float = LONG, stall: float = LONG) -> list[bytes]:
        writer = Writer(client[0])
        writer.ready = ready
        made.append(StreamRelay(client[0], keepalive, stall, writer))
        return list(made[-1].relay(upstream[0], Echo(), lambda _: None))

    yield run
    for each in made:
        each.close()


def test_all_that_upstream_says_is_relayed(relay: Any, client: Pair, upstream: Any) -> None:
    """The first piece by the server, which puts the head before it; the others straight to the socket."""
    body, far = upstream
    feed(far, b"one ", b"two ", b"three ", b"four done", b"never")
    served = relay()
    if body.blocking:
        assert served == [b"ONE ", b"TWO ", b"THREE ", b"FOUR DONE"]
    else:
        assert served == [b"ONE "]
        assert hear(client[1]) == b"TWO THREE FOUR DONE"


def test_where_the_server_offers_nothing_it_writes_everything(relay: Any, upstream: Any) -> None:
    feed(upstream[1], b"one ", b"two ", b"three done")
    assert relay(ready=False) == [b"ONE ", b"TWO ", b"THREE DONE"]


def test_a_greenlet_is_not_woken_for_what_the_loop_can_do(
    relay: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, far = upstream
    if body.blocking:
        pytest.skip("that way it has to be")
    woken: list[object] = []
    switched = Wakeup.wait
    monkeypatch.setattr(Wakeup, "wait", lambda self: (switched(self), woken.append(self))[0])
    feed(far, b"one ", *[b"more "] * 20, b"done")
    relay()
    assert len(woken) <= 3, "for the first piece, for the head's sake, and for the end"


def test_a_body_that_ends_without_more(relay: Any, client: Pair, upstream: Any) -> None:
    body, far = upstream
    feed(far, b"one ", b"two").link(lambda _: far.shutdown(socket.SHUT_WR))
    served = relay()
    assert b"".join(served) + hear(client[1]) == b"ONE TWO"
    assert body.eof


@pytest.mark.parametrize("first", [[], [b"one "]], ids=["the first", "a later one"])
def test_a_failure_comes_after_what_was_told_before_it(
    first: list[bytes], relay: Any, client: Pair, upstream: Any
) -> None:
    feed(upstream[1], *first, b"and refused", b"never")
    with pytest.raises(InvalidRequest):
        relay()
    assert upstream[0].blocking or not first or hear(client[1]) == b"AND REFUSED"


@pytest.mark.parametrize("first", [[], [b"one "]], ids=["the first", "a later one"])
def test_a_bug_is_raised_where_it_can_be_told(
    first: list[bytes], relay: Any, upstream: Any, capfd: Any
) -> None:
    feed(upstream[1], *first, b"bug")
    with pytest.raises(ValueError, match="a bug"):
        relay()
    assert capfd.readouterr().err == "", "the loop prints what is raised in it"


def test_a_body_that_breaks_off_while_it_is_relayed(relay: Any, upstream: Any) -> None:
    body, far = upstream
    feed(far, b"one ", b"two ").link(lambda _: setattr(body, "_receive", broken))
    later(0.05, far.send, b"three")
    with pytest.raises(StreamCut):
        relay()


def broken() -> bytes:
    raise ConnectionResetError


def test_a_client_that_reads_slowly_gets_all_and_upstream_waits(client: Pair, upstream: Any) -> None:
    """No more is taken from upstream until the client has taken what was read before."""
    body, far = upstream
    for end in (*client, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    writer = Writer(client[0])
    relay = StreamRelay(client[0], LONG, LONG, writer)
    text = bytes(range(48, 58)) * 2000
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    writing = gevent.spawn(
        lambda: ([gevent.socket.wait_write(far.fileno()) or far.send(each) for each in pieces])
    )
    served: list[bytes] = []

    def serve() -> None:
        for out in relay.relay(body, Echo(), lambda _: None):
            served.append(out)
            writer.sendall(out)

    serving = gevent.spawn(serve)
    reset = b""
    gevent.sleep(0.1)
    assert not writing.ready(), "upstream is not read for a client that does not read"
    taken = body.taken
    gevent.sleep(0.1)
    assert body.taken == taken
    while len(reset) < len(text):
        gevent.socket.wait_read(client[1].fileno())
        reset += hear(client[1])
    assert reset == text
    serving.kill()
    relay.close()
    assert body.blocking or writer.waited < len(text), "only what the socket did not take had to wait"


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
def test_a_client_that_leaves_while_it_is_relayed_to(
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


def test_a_client_that_can_not_be_written_to_has_left(client: Pair, upstream: Any) -> None:
    """Whatever the system calls it."""
    body, far = upstream
    writer = Writer(client[0])
    writer.send = lambda _piece: broken()  # type: ignore[method-assign]
    relay = StreamRelay(None, LONG, LONG, writer)
    relayed = relay.relay(body, Echo(), lambda _: None)
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


def test_silence_is_what_the_client_hears_of_a_relay(relay: Any, upstream: Any) -> None:
    """Pieces of which nothing is told do not break it; those that go past the greenlet do."""
    feed(upstream[1], *[b"word "] * 12, b"done")
    assert b"" not in relay(keepalive=0.1)


def test_silence_of_a_relay_is_told(relay: Any, upstream: Any) -> None:
    feed(upstream[1], b"one ", *[b"silent"] * 12, b"done")
    assert relay(keepalive=0.05).count(b"") >= 2


def test_a_stall_of_a_relay_is_counted_from_its_last_byte(relay: Any, upstream: Any) -> None:
    feed(upstream[1], *[b"word "] * 15)
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        relay(keepalive=0.05, stall=0.1)
    assert since(began) > 0.14 + 0.09


# The end of a body.


def test_the_end_is_drained(deliver: Any, upstream: Any) -> None:
    body, far = upstream
    far.send(b"x" * 1000)
    later(0.03, far.close)
    deliver().drain(body, 1.0)
    assert body.eof


def test_nobody_waits_for_an_end_that_does_not_come(deliver: Any, upstream: Any) -> None:
    began = time.monotonic()
    deliver().drain(upstream[0], 0.1)
    assert 0.09 <= since(began) < 0.1 + SOON
    assert not upstream[0].eof


def test_nobody_waits_for_an_end_before_which_more_and_more_comes(deliver: Any, upstream: Any) -> None:
    """The answer is complete; the client is waiting for its last byte."""
    body, far = upstream
    writer = gevent.spawn(lambda: [far.send(b": ping\n\n") and gevent.sleep(0.02) for _ in range(60)])
    began = time.monotonic()
    deliver().drain(body, 0.1)
    assert since(began) < 0.1 + 2 * SOON
    writer.kill()


def test_a_client_that_leaves_while_the_end_is_drained(deliver: Any, client: Pair, upstream: Any) -> None:
    later(0.02, client[1].close)
    began = time.monotonic()
    deliver().drain(upstream[0], LONG)
    assert since(began) < SOON


def test_a_body_that_breaks_off_while_it_is_drained(deliver: Any) -> None:
    deliver().drain(Early(b"a", breaks=True), LONG)


# Closing, at any moment.  That no watcher is left is looked at after every test.


def test_closing_what_was_never_used(deliver: Any) -> None:
    before = watchers()
    relay = deliver(to=socket.socket())
    relay._client._socket.close()
    relay.close()
    assert left_over(before) == 0


def test_closing_a_call_that_was_never_started(deliver: Any) -> None:
    relay, called = deliver(), []
    call = relay.call(lambda: called.append(1))
    relay.close()
    call.close()
    gevent.sleep(0)
    assert not called


def test_closing_in_the_middle_of_a_call(deliver: Any) -> None:
    relay, eof = deliver(keepalive=0.02), []
    call = relay.call(lambda: (gevent.sleep(0.2), eof.append(1)))
    assert next(call) is None
    relay.close()
    call.close()
    gevent.sleep(0.25)
    assert not eof, "it was broken off"


def test_closing_pieces_that_were_never_started(deliver: Any, upstream: Any) -> None:
    relay = deliver()
    pieces = relay.read(upstream[0])
    relay.close()
    pieces.close()


@pytest.mark.parametrize("order", ["relay first", "pieces first"])
def test_closing_in_the_middle_of_pieces(order: str, deliver: Any, upstream: Any) -> None:
    before = watchers()
    relay = deliver(keepalive=0.02)
    pieces = relay.read(upstream[0])
    assert next(pieces) == b""
    for each in (relay, pieces) if order == "relay first" else (pieces, relay):
        each.close()
    assert left_over(before) == 0


def test_closing_twice(deliver: Any, upstream: Any) -> None:
    relay = deliver()
    list(relay.call(lambda: 1))
    relay.close()
    relay.close()


def test_closing_after_the_client_has_left(deliver: Any, client: Pair, upstream: Any) -> None:
    before = watchers()
    relay = deliver()
    client[1].close()
    with pytest.raises(ClientDisconnected):
        list(relay.read(upstream[0]))
    relay.close()
    assert left_over(before) == 0


def test_closing_after_the_next_request_came_early(deliver: Any, client: Pair) -> None:
    relay = deliver()
    client[1].send(b"GET")
    list(relay.call(lambda: gevent.sleep(0.02)))
    relay.close()


def test_a_greenlet_that_is_killed_in_the_middle(deliver: Any, upstream: Any) -> None:
    """As the server does when it has to stop."""
    before = watchers()
    relay = deliver()
    serving = gevent.spawn(lambda: list(relay.read(upstream[0])))
    gevent.sleep(0.01)
    serving.kill()
    relay.close()
    assert left_over(before) == 0


def test_a_gevent_socket_is_looked_through(upstream: Any) -> None:
    import gevent.socket as cooperative

    near, far = cooperative.socketpair()
    relay = StreamRelay(near, LONG, LONG)
    later(0.02, far.close)
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        list(relay.read(upstream[0]))
    assert since(began) < 0.02 + SOON
    relay.close()
    near.close()


# Threads.


def test_what_a_thread_raises_is_raised_here_and_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    class Panic(BaseException):
        """As of a library that is not written in Python."""

    def fail(kind: type[BaseException]) -> None:
        raise kind("no")

    for kind in (InvalidRequest, ValueError, Panic):
        with pytest.raises(kind):
            run_in_thread(fail, kind)
    assert run_in_thread(max, 1, 2) == 2
    assert capfd.readouterr().err == ""
