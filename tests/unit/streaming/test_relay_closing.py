"""Closing a relay at any moment.  No watcher is left in the event loop afterwards."""

import socket
import time
from typing import Any

import gevent
import gevent.socket
import pytest
from unit.streaming.sockets import LONG, SOON, Pair, later, left_over, since, watchers

from copilot_bridge.streaming.client_connection import ClientDisconnected
from copilot_bridge.streaming.relay import StreamRelay

pytestmark = pytest.mark.usefixtures("no_watcher_left")


def test_closing_an_unused_relay_leaves_no_watcher(new_relay: Any) -> None:
    before = watchers()
    relay = new_relay(to=socket.socket())
    relay._client._socket.close()
    relay.close()
    assert left_over(before) == 0


def test_a_call_closed_before_its_start_is_never_made(new_relay: Any) -> None:
    relay, called = new_relay(), []
    call = relay.call(lambda: called.append(1))
    relay.close()
    call.close()
    gevent.sleep(0)
    assert not called


def test_closing_breaks_off_a_call(new_relay: Any) -> None:
    relay, eof = new_relay(keepalive=0.02), []
    call = relay.call(lambda: (gevent.sleep(0.2), eof.append(1)))
    assert next(call) is None
    relay.close()
    call.close()
    gevent.sleep(0.25)
    assert not eof, "it was broken off"


def test_a_reader_may_be_closed_before_its_start(new_relay: Any, upstream: Any) -> None:
    relay = new_relay()
    pieces = relay.read(upstream[0])
    relay.close()
    pieces.close()


@pytest.mark.parametrize("order", ["relay first", "pieces first"])
def test_closing_while_reading_leaves_no_watcher(order: str, new_relay: Any, upstream: Any) -> None:
    before = watchers()
    relay = new_relay(keepalive=0.02)
    pieces = relay.read(upstream[0])
    assert next(pieces) == b""
    for source in (relay, pieces) if order == "relay first" else (pieces, relay):
        source.close()
    assert left_over(before) == 0


def test_a_relay_can_be_closed_twice(new_relay: Any, upstream: Any) -> None:
    relay = new_relay()
    list(relay.call(lambda: 1))
    relay.close()
    relay.close()


def test_closing_after_the_client_has_disconnected(new_relay: Any, client: Pair, upstream: Any) -> None:
    before = watchers()
    relay = new_relay()
    client[1].close()
    with pytest.raises(ClientDisconnected):
        list(relay.read(upstream[0]))
    relay.close()
    assert left_over(before) == 0


def test_an_early_next_request_does_not_hinder_closing(new_relay: Any, client: Pair) -> None:
    relay = new_relay()
    client[1].send(b"GET")
    list(relay.call(lambda: gevent.sleep(0.02)))
    relay.close()


def test_closing_after_the_greenlet_was_killed(new_relay: Any, upstream: Any) -> None:
    """The server kills it when it has to stop."""
    before = watchers()
    relay = new_relay()
    serving = gevent.spawn(lambda: list(relay.read(upstream[0])))
    gevent.sleep(0.01)
    serving.kill()
    relay.close()
    assert left_over(before) == 0


def test_a_socket_of_gevent_is_unwrapped(upstream: Any) -> None:
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
