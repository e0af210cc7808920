"""Compression of a conversation's WebSocket: accepted, refused, accepted in part, and broken."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.conversations import OPERATOR, Agent, Messages, Responses, events_of, metric, ways
from integration.conversations import wait_until_opened as wait_until
from integration.harness import Bridge, Simulator, Start, new_token

OFFER = "permessage-deflate; client_max_window_bits"
LINES = "\n".join(f"def take_{number}(self) -> None: ..." for number in range(200))


@pytest.fixture(scope="module")
def small(_launch: Start) -> Iterator[Bridge]:
    """A bridge that takes events of a megabyte, for accounts of the callers' own."""
    bridge = _launch(allow_github_tokens=1, api_key=OPERATOR, response_limit_mb=1)
    yield bridge.warm_up(OPERATOR)
    bridge.stop()


def ready(bridge: Bridge, simulator: Simulator, kind: type[Agent] = Responses, **limits: Any) -> Agent:
    """An agent whose conversation has a WebSocket with such limits."""
    token = new_token()
    simulator.control("websockets", github_token=token, **limits)
    agent = kind("[[sim:say]] Hello.", token=token)
    there = metric(bridge, "upstream_websockets_open")
    agent.turn(bridge)
    wait_until(bridge, there)
    return agent


def say(agent: Agent, bridge: Bridge, text: str) -> str:
    agent.items.append({"role": "user", "content": f"{LINES}\n{text}"})
    return agent.turn(bridge)[0]


def offers(simulator: Simulator, mark: str) -> list[str | None]:
    """What the handshakes of a conversation have offered."""
    session = simulator.ledger(mark)[-1]["headers"]["vscode-sessionid"]
    asked = [entry for entry in simulator.ledger(path="/responses") if entry["method"] == "GET"]
    mine = [entry["headers"] for entry in asked if entry["headers"].get("vscode-sessionid") == session]
    return [headers.get("sec-websocket-extensions") for headers in mine]


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({}, 0.2),
        ({"compression": "both"}, 0.2),
        ({"window": 10}, 0.4),
        ({"memory": False}, 0.4),
        ({"memory": False, "window": 9, "compression": "both"}, 0.5),
        ({"compression": "refuse"}, 1.1),
    ],
)
def test_messages_are_compressed_as_far_as_copilot_accepts(
    small: Bridge, simulator: Simulator, mark: str, limits: dict[str, Any], most: float
) -> None:
    agent = ready(small, simulator, **limits)
    sent, spared = (metric(small, f"upstream_websocket_{kind}_bytes_total") for kind in ("sent", "spared"))
    for number in range(3):
        assert say(agent, small, f"{mark} [[sim:say]] This is {number}.") == f"This is {number}."
    assert ways(simulator, mark) == ["whole", "continued", "continued"]
    frames = sum(len(json.dumps(entry["body"])) for entry in simulator.ledger(mark))
    part = (metric(small, "upstream_websocket_sent_bytes_total") - sent) / frames
    assert most / 10 < part < most
    assert metric(small, "upstream_websocket_spared_bytes_total") - spared > (1 - part) * frames
    assert offers(simulator, mark) == [OFFER]


def test_with_the_setting_off_nothing_is_offered(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(allow_github_tokens=1, api_key=OPERATOR, upstream_websocket_compression="off")
    agent = ready(bridge.warm_up(OPERATOR), simulator)
    assert say(agent, bridge, f"{mark} [[sim:say]] Yes.") == "Yes."
    assert (ways(simulator, mark), offers(simulator, mark)) == (["whole"], [None])


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        ("permessage-deflate; client_max_window_bits=8", "client_max_window_bits"),
        ("x-webkit-deflate-frame", "x-webkit"),
        ("permessage-deflate; level=9", "'level'"),
    ],
)
def test_after_a_response_that_was_not_offered_the_next_websocket_offers_nothing(
    small: Bridge, simulator: Simulator, mark: str, response: str, wrong: str
) -> None:
    token = new_token()
    simulator.control("websockets", github_token=token, extensions=response)
    agent = Responses(f"{mark} [[sim:say]] Hello.", token=token)
    agent.turn(small)
    small.log.wait_for(lambda line: "was not offered" in line and wrong in line)
    simulator.control("websockets", github_token=token)
    there = metric(small, "upstream_websockets_open")
    assert say(agent, small, f"{mark} [[sim:say]] Again.") == "Again."
    wait_until(small, there)
    assert say(agent, small, f"{mark} [[sim:say]] And on.") == "And on."
    assert ways(simulator, mark) == ["http", "http", "whole"]
    assert offers(simulator, mark) == [OFFER, None]


BROKEN = ("bad-deflate", "bomb bytes=2000000")


@pytest.mark.parametrize("fault", BROKEN)
def test_a_first_event_that_cannot_be_decompressed_leads_to_http(
    small: Bridge, simulator: Simulator, mark: str, fault: str
) -> None:
    agent = ready(small, simulator, Messages)
    there = metric(small, "upstream_websockets_open") - 1
    assert say(agent, small, f"{mark} [[sim:{fault} after=0 once={mark}]] [[sim:say]] Here.") == "Here."
    assert ways(simulator, mark) == ["whole", "http"]
    wait_until(small, there)
    assert say(agent, small, f"{mark} [[sim:say]] Still here.") == "Still here."
    assert ways(simulator, mark)[2:] == ["whole"]
    assert offers(simulator, mark) == [OFFER, None]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_later_one_ends_the_response_with_a_failure(
    small: Bridge, simulator: Simulator, mark: str, fault: str
) -> None:
    agent = ready(small, simulator)
    text = f"{mark} [[sim:{fault} after=6 once={mark}]] [[sim:say]] one two three four five"
    agent.items.append({"role": "user", "content": text})
    events = events_of(agent.ask(small))
    assert events[-1]["type"] == "response.failed"
    assert agent.turn(small)[0] == "one two three four five"
    assert small.memory() < 400_000_000
