"""GitHub's own client as a client of the bridge ("bring your own provider"), in each API that it speaks."""

import json

import pytest
from integration.harness import initiator_of
from official.runs import PROVIDED, Outcome, Runner

pytestmark = pytest.mark.timeout(180)

WEBSOCKETS = [name for name, wanted in PROVIDED.items() if wanted.wire == "websockets"]


@pytest.fixture
def outcome(runner: Runner, name: str) -> Outcome:
    return runner.outcome(name, PROVIDED[name])


@pytest.mark.parametrize("name", PROVIDED)
def test_a_task_through_the_bridge_has_one_turn_of_the_user(outcome: Outcome, name: str) -> None:
    wanted = PROVIDED[name]
    outcome.check()
    assert [turn["path"] for turn in outcome.turns] == [wanted.upstream] * 3
    assert [turn["body"]["model"] for turn in outcome.turns] == [wanted.model] * 3
    assert [initiator_of(turn) for turn in outcome.turns] == ["user", "agent", "agent"]


@pytest.mark.needs(*WEBSOCKETS)
def test_the_official_client_takes_a_websocket_for_all_turns(runner: Runner) -> None:
    for name in WEBSOCKETS:
        runner.outcome(name, PROVIDED[name])
    log = [json.loads(line) for line in runner.bridge.log.all() if "request.done" in line]
    opened = [line["status"] for line in log if line["method"] == "GET" and line["path"] == "/v1/responses"]
    assert set(opened) == {101}
    turns = [line["status"] for line in log if line["method"] == "WEBSOCKET"]
    assert (len(turns) >= 3 * len(WEBSOCKETS), set(turns)) == (True, {200})
