"""Blocking calls on behalf of a client, who may disconnect meanwhile."""

import gc
import itertools
import select
import socket
import time
from typing import Any

import gevent
import gevent.event
import pytest
from unit.streaming.sockets import (
    LONG,
    SOON,
    Pair,
    later,
    reset,
    since,
)

from copilot_bridge.errors import InvalidRequest, UpstreamTimeout
from copilot_bridge.streaming.client_connection import CONTINUE, ClientDisconnected
from copilot_bridge.streaming.relay import capture_result

pytestmark = pytest.mark.usefixtures("no_watcher_left")


def test_a_call_gives_its_result(new_relay: Any) -> None:
    assert list(new_relay().call(lambda: "done")) == ["done"]


def test_a_call_may_wait(new_relay: Any) -> None:
    def wait() -> str:
        gevent.sleep(0.05)
        return "done"

    assert list(new_relay().call(wait)) == ["done"]


def test_calls_may_follow_one_another(new_relay: Any) -> None:
    relay = new_relay()
    assert [list(relay.call(lambda: 1)), list(relay.call(lambda: 2))] == [[1], [2]]


def test_a_stream_keeps_nothing_of_the_call_that_opened_it(new_relay: Any) -> None:
    made = greenlets()
    opening = new_relay().call(lambda: gevent.sleep(0.01) or "done")
    assert next(opening) == "done"
    gevent.sleep(0)  # the loop has done with it
    assert greenlets() == made
    opening.close()


def greenlets() -> int:
    gc.collect()
    return sum(isinstance(candidate, gevent.Greenlet) for candidate in gc.get_objects())


def test_a_call_yields_none_when_a_ping_is_due(new_relay: Any) -> None:
    """The result comes at once, not with the next ping."""
    relay = new_relay(keepalive=0.05)
    enough = gevent.event.Event()
    began = time.monotonic()
    received: list[object] = []
    moments = [0.0]
    for result in relay.call(lambda: enough.wait() and "done"):
        received.append(result)
        moments.append(since(began))
        if len(received) == 3:
            enough.set()
    assert received == [None, None, None, "done"]
    assert all(later - earlier > 0.04 for earlier, later in itertools.pairwise(moments[:4]))


@pytest.mark.parametrize("error", [InvalidRequest("no", param="n"), ValueError("no"), UpstreamTimeout("no")])
@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_the_error_of_a_call_is_raised(error: Exception, pause: float, new_relay: Any, capfd: Any) -> None:
    def fail() -> None:
        gevent.sleep(pause)
        raise error

    with pytest.raises(type(error)) as raised:
        list(new_relay().call(fail))
    assert raised.value is error
    assert capfd.readouterr().err == "", "gevent prints what a greenlet raises"


def test_capture_result_returns_the_result_or_the_error() -> None:
    error = ValueError()
    assert capture_result(lambda: 1) == (1, None)
    assert capture_result(lambda: (_ for _ in ()).throw(error)) == (None, error)


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
def test_a_call_is_stopped_when_the_client_disconnects(leave: Any, new_relay: Any, client: Pair) -> None:
    stopped: list[float] = []

    def wait() -> None:
        try:
            gevent.sleep(LONG)
        finally:
            stopped.append(time.monotonic())

    relay = new_relay()
    later(0.05, leave, client[1])
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        list(relay.call(wait))
    assert since(began) < 0.05 + SOON
    relay.close()
    gevent.sleep(0.01)
    assert stopped, "nobody waits for the result"


def test_a_reset_of_the_client_is_a_disconnection(new_relay: Any) -> None:
    """Over TCP a reset is an error, not an end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    with near:
        later(0.02, reset, far)
        began = time.monotonic()
        with pytest.raises(ClientDisconnected):
            list(new_relay(to=near).call(lambda: gevent.sleep(LONG)))
        assert since(began) < 0.02 + SOON


def test_a_watcher_that_fires_without_data_is_no_disconnection(new_relay: Any, client: Pair) -> None:
    relay = new_relay()
    relay._client._watcher.fired = True
    assert list(relay.call(lambda: gevent.sleep(0.01) or "done")) == ["done"]


def test_a_client_that_disconnected_before_the_call_is_noticed(new_relay: Any, client: Pair) -> None:
    client[1].close()
    began = time.monotonic()
    with pytest.raises(ClientDisconnected):
        list(new_relay().call(lambda: gevent.sleep(LONG)))
    assert since(began) < SOON


def test_a_half_closed_client_is_sent_100_continue(new_relay: Any, client: Pair) -> None:
    later(0.01, client[1].shutdown, socket.SHUT_WR)

    def wait() -> str:
        """Wait until the client has been sent something; on a busy machine that takes a while."""
        end = time.monotonic() + 5
        while not select.select([client[1]], [], [], 0)[0] and time.monotonic() < end:
            gevent.sleep(0.01)
        return "done"

    assert list(new_relay().call(wait)) == ["done"]
    client[1].settimeout(5)
    assert client[1].recv(100) == CONTINUE


def test_a_half_closed_client_without_100_continue_has_disconnected(new_relay: Any, client: Pair) -> None:
    """Proxies that speak HTTP/1.0 are such clients."""
    later(0.01, client[1].shutdown, socket.SHUT_WR)
    with pytest.raises(ClientDisconnected):
        list(new_relay(accepts_continue=False).call(lambda: gevent.sleep(LONG)))


def test_in_a_stream_a_half_closed_client_is_sent_a_ping(new_relay: Any, client: Pair, upstream: Any) -> None:
    relay = new_relay()
    relay.note_response_started()
    later(0.01, client[1].shutdown, socket.SHUT_WR)
    assert next(relay.read(upstream[0])) == b""


def test_a_call_without_a_client_returns_its_result(new_relay: Any) -> None:
    def wait() -> str:
        gevent.sleep(0.08)
        return "done"

    assert list(new_relay(to=None, keepalive=0.05).call(wait)) == [None, "done"]
