"""Upstream behind a relay that drops connections without a word, as NATs, load balancers and sleep do."""

import time
from collections.abc import Iterator

import pytest
from integration.harness import Bridge, Json, Junction, Simulator, Start, new_mark

PATIENCE = 0.4  # seconds
WHOLE, STREAMED = False, True


@pytest.fixture
def relay(simulator: Simulator) -> Iterator[Junction]:
    junction = Junction(simulator.url)
    yield junction
    junction.close()


@pytest.fixture
def bridge(start_bridge: Start, relay: Junction) -> Bridge:
    """GitHub and Copilot are behind the relay; the token names no other address."""
    hosts = {"github_api_url": relay.url, "copilot_api_url": relay.url}
    return start_bridge(server="gevent", first_byte_timeout=PATIENCE, read_timeout=5, **hosts).warm()


def text_of(bridge: Bridge, text: str, stream: bool) -> str:
    if stream:
        return bridge.receive_stream(text).text
    content: str = bridge.chat(text).message["content"]
    return content


def initiators(entries: list[Json]) -> list[str]:
    return [entry["headers"]["x-initiator"] for entry in entries]


@pytest.mark.parametrize("stream", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_a_dropped_connection_costs_seconds_and_not_minutes(
    bridge: Bridge, relay: Junction, simulator: Simulator, stream: bool
) -> None:
    """It never reached Copilot, but whoever acknowledged it could have passed it on."""
    mark = new_mark()
    text_of(bridge, "hello", stream)
    relay.drop()
    began = time.monotonic()
    assert text_of(bridge, f"hello {mark}", stream)
    assert PATIENCE < time.monotonic() - began < 20
    assert initiators(simulator.ledger(mark)) == ["agent"]
    began = time.monotonic()
    assert text_of(bridge, "hello", stream)
    assert time.monotonic() - began < PATIENCE, "the new connection is the one that is used"


def test_dropped_connections_of_models_and_github_are_replaced(
    bridge: Bridge, relay: Junction, simulator: Simulator
) -> None:
    relay.drop()
    simulator.expire(bridge.github_token)  # which takes an exchange, over a connection of before
    assert bridge.chat("hello").status == 200


def test_a_slow_response_is_not_a_dropped_connection(bridge: Bridge, simulator: Simulator) -> None:
    """The first slow one is asked for twice, the second time as the agent's; then their time is known."""
    mark = new_mark()
    bridge.chat("hello")
    for _ in range(3):
        assert bridge.chat(f"[[sim:slow-headers seconds=1]] {mark}").status == 200
    assert initiators(simulator.ledger(mark)) == ["user", "agent", "user", "user"]


def test_a_stream_dropped_in_its_middle_is_a_timeout(
    start_bridge: Start, relay: Junction, simulator: Simulator
) -> None:
    """A proxy that acknowledges for a dead peer differs from a long silence by the time: `read_timeout`."""
    hosts = {"github_api_url": relay.url, "copilot_api_url": relay.url}
    bridge = start_bridge(server="gevent", read_timeout=1, keepalive=0.2, **hosts).warm()
    stream = bridge.stream("[[sim:flood events=1000 size=10 gap=50]]")
    frames = stream.frames()
    first = next(frames)
    relay.drop()
    began = time.monotonic()
    *_, last = [first, *frames]
    assert time.monotonic() - began < 20
    assert last.json["error"]["code"] == "upstream_timeout"
    assert bridge.chat("hello").status == 200
