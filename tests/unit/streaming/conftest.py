"""Fixtures for the tests of streaming, where gevent has patched nothing: a blocking call blocks for good."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from unit.streaming.sockets import LONG, BlockingSocketBody, Pair, SocketBody, left_over, watchers

from copilot_bridge.streaming.relay import StreamRelay


@pytest.fixture
def short_test() -> Iterator[None]:
    with gevent.Timeout(10):
        yield


@pytest.fixture
def no_watcher_left(short_test: None) -> Iterator[None]:
    before = watchers()
    yield
    assert left_over(before) == 0


@pytest.fixture
def pair() -> Iterator[Callable[[], Pair]]:
    made: list[socket.socket] = []

    def make() -> Pair:
        near, far = socket.socketpair()
        near.setblocking(False)
        made.extend((near, far))
        return near, far

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(pair: Callable[[], Pair]) -> Pair:
    """(our end, the client's)"""
    return pair()


@pytest.fixture(params=[SocketBody, BlockingSocketBody], ids=["fast", "plain"])
def upstream(request: pytest.FixtureRequest, pair: Callable[[], Pair]) -> tuple[SocketBody, socket.socket]:
    """(what we read, where upstream writes), for either way of reading"""
    near, far = pair()
    return request.param(near), far


@pytest.fixture
def new_relay(client: Pair) -> Iterator[Callable[..., StreamRelay]]:
    made: list[StreamRelay] = []

    def make(
        *, keepalive: float = LONG, stall: float = LONG, to: Any = client[0], accepts_continue: bool = True
    ) -> StreamRelay:
        made.append(StreamRelay(to, keepalive, stall, accepts_continue=accepts_continue))
        return made[-1]

    yield make
    for one in made:
        one.close()
