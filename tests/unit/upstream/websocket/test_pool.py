"""The connections that wait for their conversation's next request."""

import socket
from collections.abc import Iterator
from contextlib import closing

import gevent
import pytest

from copilot_bridge.upstream.websocket.connection import Connection
from copilot_bridge.upstream.websocket.pool import MAX_AGE, Pool
from copilot_bridge.websocket.messages import PING_FRAME, Messages, text_frame


class Kept:
    """In place of urllib3's connection, which keeps the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def close(self) -> None:
        self.sock.close()


class Ends:
    """Makes connections, and keeps their other ends."""

    def __init__(self) -> None:
        self.far: list[socket.socket] = []

    def connection(self) -> Connection:
        near, far = socket.socketpair()
        self.far.append(far)
        return Connection(Kept(near), b"", 1 << 20)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    for far in made.far:
        far.close()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2, 30.0)
    yield pool
    pool.close_all()


def test_a_connection_waits_for_its_key_alone(pool: Pool, ends: Ends) -> None:
    connection = ends.connection()
    pool.put(("a",), connection, None)
    assert pool.take(("b",)) is None
    assert pool.take(("a",)) == (connection, None)
    assert pool.take(("a",)) is None
    pool.close(connection)


def test_a_message_that_nobody_asked_for_ends_a_connection(pool: Pool, ends: Ends) -> None:
    """It could be taken for the next request's response."""
    for sent in (text_frame(b'{"type":"error"}'), b"\x88\x02\x03\xe9", b""):
        connection = ends.connection()
        pool.put(("a",), connection, None)
        far = ends.far[-1]
        if sent:
            far.sendall(sent)
        else:
            far.shutdown(socket.SHUT_WR)
        assert pool.take(("a",)) is None
        assert connection.is_closed
    assert len(pool) == 0


def test_a_ping_is_answered_meanwhile(pool: Pool, ends: Ends) -> None:
    connection = ends.connection()
    pool.put(("a",), connection, None)
    far = ends.far[-1]
    far.sendall(PING_FRAME)
    gevent.sleep(0.01)
    server = Messages(is_client=False, max_size=1 << 20)
    assert server.receive(far.recv(100)) == []
    assert server.is_open
    assert pool.take(("a",)) is not None
    pool.close(connection)


def test_the_one_that_has_waited_longest_gives_way(pool: Pool, ends: Ends) -> None:
    first, second = ends.connection(), ends.connection()
    pool.put(("a",), first, None)
    assert pool.reserve()
    pool.release()
    pool.put(("b",), second, None)
    assert pool.reserve()
    assert (first.is_closed, second.is_closed) == (True, False)
    taken = pool.take(("b",))
    assert taken is not None
    assert not pool.reserve(), "one is in use, and one is being opened"
    pool.release()
    pool.close(second)


def test_none_waits_longer_than_it_may(ends: Ends) -> None:
    with closing(ends.connection()) as old:
        pool = Pool(2, 0.01)
        numbers: list[int] = []
        pool.on_change = numbers.append
        pool.put(("a",), old, None)
        gevent.sleep(0.05)
        assert old.is_closed
        assert ("a",) not in pool
        aged = ends.connection()
        aged.opened -= MAX_AGE
        pool.put(("a",), aged, None)
        assert aged.is_closed
    assert numbers == [1, 0, 1, 0]
