"""A few conversations with faults at random; `websocket_faults` runs any number of them."""

from collections.abc import Iterator

import pytest
from integration.conversations import OPERATOR, metric
from integration.harness import Bridge, Simulator, Start
from integration.websocket_faults import SETTINGS, campaign


@pytest.fixture(scope="module")
def faulty(_launch: Start) -> Iterator[Bridge]:
    bridge = _launch(**SETTINGS)
    yield bridge.warm_up(OPERATOR)
    bridge.stop()


def test_no_response_is_wrong_doubled_or_cut_without_a_word(faulty: Bridge, simulator: Simulator) -> None:
    outcomes = campaign(faulty, simulator, range(12))
    assert outcomes["ok"] > 20
    assert metric(faulty, "upstream_websocket_turns_total") > 10
    assert metric(faulty, "streams_open") == 0
    assert not [line for line in faulty.log.all() if "Traceback" in line]
