"""Connections that died without a word are not used, or given up in time; slow answers are awaited."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from copilot_bridge.config import Config
from copilot_bridge.errors import UpstreamTimeout, UpstreamUnreachable
from copilot_bridge.upstream.transport import connections, pools, waiting
from copilot_bridge.upstream.transport.connections import PlainConnection
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.pools import socks_pools
from copilot_bridge.upstream.transport.sockets import unacknowledged

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Play = Callable[[socket.socket, int, int], None]


class Upstream:
    """Plays each request by its connection and its number there; both begin with 0."""

    def __init__(self, play: Play, room: int = 0) -> None:
        self.asked: list[tuple[int, int]] = []
        self.peers: list[socket.socket] = []
        self._play = play
        self._over = threading.Event()
        self._listener = socket.socket()
        if room:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.peers.append(peer)
                thread = threading.Thread(target=self._serve, args=(peer, len(self.peers) - 1), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: socket.socket, connection: int) -> None:
        with contextlib.suppress(OSError):
            number = 0
            while b"\r\n\r\n" in peer.recv(65536, socket.MSG_PEEK):
                self.asked.append((connection, number))
                self._play(peer, connection, number)
                number += 1

    def wait(self, seconds: float = 5.0) -> None:
        """Says nothing until the end of the test."""
        self._over.wait(seconds)

    def close(self) -> None:
        self._over.set()
        for sock in (self._listener, *self.peers):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


def response(peer: socket.socket, *_: int) -> None:
    peer.recv(65536)
    peer.sendall(RESPONSE)


@pytest.fixture
def serve() -> Iterator[Callable[..., Upstream]]:
    made: list[Upstream] = []

    def make(play: Play = response, room: int = 0) -> Upstream:
        made.append(Upstream(play, room))
        return made[-1]

    yield make
    for upstream in made:
        upstream.close()


@pytest.fixture
def new_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HttpClient]]:
    monkeypatch.setattr(waiting, "CHECK_INTERVAL", 0.1)
    made: list[HttpClient] = []

    def make(**settings: float) -> HttpClient:
        made.append(HttpClient(Config(proxy_env=False, **{"first_byte_timeout": 0.1, **settings})))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        client.close()


def ask(client: HttpClient, upstream: Upstream, method: str = "GET", body: bytes | None = None) -> bytes:
    response: requests.Response = client.send(method, upstream.url, {}, body)
    return response.content


def ignored_when_used_before(upstream: list[Upstream]) -> Play:
    def play(peer: socket.socket, connection: int, number: int) -> None:
        if number:
            peer.recv(65536)
            upstream[0].wait()
        else:
            response(peer)

    return play


@pytest.mark.parametrize("clock", [0, 1], ids=["monotonic", "wall"])
def test_one_that_was_idle_for_long_is_not_used(
    serve: Callable[..., Upstream],
    new_client: Callable[..., HttpClient],
    monkeypatch: pytest.MonkeyPatch,
    clock: int,
) -> None:
    """One clock stands still while the machine sleeps; the other may be set back."""
    client, upstream = new_client(keepalive_expiry=60), serve()
    ahead = [0.0, 0.0]
    monkeypatch.setattr(connections, "both_clocks", lambda: (1000.0 + ahead[0], 2000.0 + ahead[1]))
    for seconds, connection in ((0.0, 0), (59.0, 0), (61.0, 1), (-500.0, 1)):
        ahead[clock] += seconds
        assert ask(client, upstream) == b"ok"
        assert upstream.asked[-1][0] == connection


def test_connections_idle_beside_a_dead_one_are_closed(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    client, upstream = new_client(keepalive_expiry=0.05), serve()
    held = [client.send("GET", upstream.url, {}) for _ in range(3)]
    assert [response.content for response in held] == [b"ok"] * 3
    time.sleep(0.06)
    assert ask(client, upstream) == b"ok"
    assert [peer.recv(1) for peer in upstream.peers[:3]] == [b""] * 3


def test_a_get_that_gets_no_response_is_sent_once_more(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    box: list[Upstream] = []
    box.append(serve(ignored_when_used_before(box)))
    client = new_client()
    assert ask(client, box[0]) == b"ok"
    began = time.monotonic()
    assert ask(client, box[0]) == b"ok"
    assert time.monotonic() - began < 3
    assert box[0].asked == [(0, 0), (0, 1), (1, 0)]


def test_a_post_is_not_repeated_without_its_sender(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    """The next try is on a new connection, although others were idle."""
    box: list[Upstream] = []
    box.append(serve(ignored_when_used_before(box)))
    client = new_client()
    for response in [client.send("GET", box[0].url, {}) for _ in range(2)]:
        assert response.content == b"ok"
    with pytest.raises(UpstreamUnreachable, match="no response for") as caught:
        ask(client, box[0], "POST", b"{}")
    assert not caught.value.unsent, "it may have been read"
    assert ask(client, box[0], "POST", b"{}") == b"ok"
    assert box[0].asked[-1] == (2, 0)


def test_an_undelivered_post_is_sent_again(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    """The other side's TCP takes no more: its peer sleeps, or is gone."""

    def play(peer: socket.socket, connection: int, number: int) -> None:
        if number:
            box[0].wait()
        else:
            response(peer)

    box = [serve(play, room=4096)]
    client = new_client(first_byte_timeout=60)
    assert ask(client, box[0]) == b"ok"
    with pytest.raises(UpstreamUnreachable, match="were not acknowledged") as caught:
        ask(client, box[0], "POST", b"x" * 400_000)
    assert caught.value.unsent


def test_a_slow_response_is_asked_for_twice_at_most_once(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    """Its second try is on a new connection, which is waited for; and from then on it is known."""

    def slowly(peer: socket.socket, connection: int, number: int) -> None:
        peer.recv(65536)
        box[0].wait(0.3)
        peer.sendall(RESPONSE)

    box = [serve(slowly)]
    client = new_client()
    response = client.send("GET", box[0].url.replace("/x", "/quick"), {})  # another kind, known for nothing
    assert response.content == b"ok"
    for _ in range(4):
        assert ask(client, box[0]) == b"ok"
    assert box[0].asked == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_the_read_timeout_ends_the_wait_as_ever(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    box: list[Upstream] = []
    box.append(serve(ignored_when_used_before(box)))
    client = new_client(first_byte_timeout=60, read_timeout=0.2)
    assert ask(client, box[0]) == b"ok"
    with pytest.raises(UpstreamTimeout, match=r"for 0\.2 s"):
        ask(client, box[0])


@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_connection_that_ends_at_the_request_is_replaced(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient], end: str
) -> None:
    def play(peer: socket.socket, connection: int, number: int) -> None:
        if connection or not number:
            response(peer)
            return
        if end == "close":
            peer.recv(65536)  # what is left unread is a reset
        peer.close()

    upstream, client = serve(play), new_client()
    assert [ask(client, upstream) for _ in range(2)] == [b"ok"] * 2
    assert upstream.asked == [(0, 0), (0, 1), (1, 0)]


def test_tcp_looks_after_quiet_connections(
    serve: Callable[..., Upstream], new_client: Callable[..., HttpClient]
) -> None:
    client, upstream = new_client(), serve()
    response = client.send("GET", upstream.url, {})
    sock = response.raw.connection.sock
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    assert unacknowledged(sock) in (0, None)
    assert response.content == b"ok"


def test_connections_by_a_socks_proxy_are_watched_too() -> None:
    for pool in socks_pools().values():
        assert issubclass(pool, pools.WatchedPool)
        assert issubclass(pool.ConnectionCls, connections.WatchedConnection)  # type: ignore[attr-defined]
    assert issubclass(PlainConnection, connections.WatchedConnection)


def test_the_wait_grows_with_the_slowest_response() -> None:
    now = 0.0
    patience = Patience(10.0, lambda: now)
    assert not patience.is_over("a", 9.9)
    assert patience.is_over("a", 10.0)
    assert not patience.is_over("b", 50.0), "one at a time"
    patience.note("a", 0.3)  # it was the connection: the next one may be tried
    assert patience.is_over("b", 10.0)
    patience.note("b", 40.0)  # it was upstream
    assert not patience.is_over("a", 10.0)
    now = 31.0
    assert not patience.is_over("b", 119.0)
    assert patience.is_over("b", 120.0)
