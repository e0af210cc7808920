"""The bench's path: it takes a round trip, and loses connections in silence."""

import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from bench.relay import Relay
from copilot_bridge.upstream.transport.sockets import unacknowledged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench needs Linux")

ROUND_TRIP = 0.04  # seconds


@pytest.fixture
def upstream() -> Iterator[tuple[str, int]]:
    """An address that says everything again."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(peer: socket.socket) -> None:
        with peer:
            while data := peer.recv(4096):
                peer.sendall(data)

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def relay(upstream: tuple[str, int]) -> Iterator[Relay]:
    with Relay("127.0.0.1", upstream, ROUND_TRIP) as made:
        yield made


def round_trips(client: socket.socket, began: float | None = None) -> float:
    began = began or time.monotonic()
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    return (time.monotonic() - began) / ROUND_TRIP


def test_a_new_connection_takes_a_round_trip_more(relay: Relay) -> None:
    """Bytes are never early; on a busy machine they may be late."""
    began = time.monotonic()
    with socket.create_connection(relay.address, timeout=5) as client:
        assert round_trips(client, began) >= 2
        assert round_trips(client) >= 1
    assert relay.accepted == 1


@pytest.mark.parametrize("acknowledged", [True, False])
def test_connections_are_lost_without_a_word(relay: Relay, acknowledged: bool) -> None:
    with socket.create_connection(relay.address, timeout=5) as client:
        round_trips(client)
        relay.lose_connections(acknowledged=acknowledged)
        client.sendall(b"x")
        client.settimeout(2 * ROUND_TRIP)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert unacknowledged(client) == (0 if acknowledged else 1)
    began = time.monotonic()
    with socket.create_connection(relay.address, timeout=5) as client:
        assert round_trips(client, began) >= 2
