"""GitHub's own client on the simulator finds what it finds at Copilot."""

from typing import Any

import pytest
from official import golden
from official.install import NEWEST
from official.runs import AUTO, BROKEN, CHAT, MESSAGES, RESPONSES, RUNS, Outcome, Runner, results_in

pytestmark = pytest.mark.timeout(180)

Json = dict[str, Any]


@pytest.fixture
def outcome(runner: Runner, name: str) -> Outcome:
    outcome = runner.outcome(name, RUNS[name])
    outcome.check()
    return outcome


def headers_of(entries: list[Json], header: str) -> list[str | None]:
    return [entry["headers"].get(header) for entry in entries]


def check_signals(turns: list[Json]) -> None:
    """One turn of a person's: its first call is theirs, and all belong together."""
    assert headers_of(turns, "x-initiator") == ["user", *["agent"] * (len(turns) - 1)]
    assert len({*headers_of(turns, "x-interaction-id")}) == 1
    assert len({*headers_of(turns, "x-client-session-id")}) == 1


@pytest.mark.parametrize(
    ("name", "path", "results"),
    [("claude on messages", MESSAGES, 2), ("gemini on chat", CHAT, 2), ("web search", MESSAGES, 3)],
)
def test_a_task_by_http_has_its_signals(outcome: Outcome, path: str, results: int) -> None:
    assert [turn["path"] for turn in outcome.turns] == [path] * (results + 1)
    check_signals(outcome.turns)


def check_frames(outcome: Outcome) -> None:
    """The history was uploaded once: each later frame has but the result of a tool."""
    assert [turn["method"] for turn in outcome.turns] == ["WEBSOCKET"] * 3
    first, *later = [turn["body"] for turn in outcome.turns]
    assert "previous_response_id" not in first
    for body in later:
        assert body["previous_response_id"]
        assert [item["type"].endswith("_output") for item in body["input"]] == [True]
    assert [turn["body"]["initiator"] for turn in outcome.turns] == ["user", "agent", "agent"]


@pytest.mark.parametrize("name", ["gpt on a websocket"])
def test_a_task_over_a_websocket_is_one_connection(outcome: Outcome) -> None:
    check_frames(outcome)
    assert len([entry for entry in outcome.at(RESPONSES) if entry["method"] == "GET"]) == 1


@pytest.mark.parametrize("name", ["gpt where no websocket is"])
def test_a_refused_websocket_is_followed_by_http(outcome: Outcome) -> None:
    asked, *turns = outcome.at(RESPONSES)
    assert (asked["method"], asked["headers"]["upgrade"]) == ("GET", "websocket")
    assert {turn["method"] for turn in turns} == {"POST"}
    check_signals(turns)


@pytest.mark.parametrize("name", ["auto", "auto with a tier"])
def test_the_official_client_lets_auto_pick(outcome: Outcome, name: str) -> None:
    (asked,) = outcome.at(AUTO)
    assert asked["body"].get("tier") == ("intelligence" if "tier" in name else None)
    assert outcome.at("/models/session") == []  # which it turns to where it can't read the response
    assert all(headers_of(outcome.turns, "copilot-session-token"))
    assert len({turn["body"]["model"] for turn in outcome.turns}) == 1


@pytest.mark.parametrize("name", ["auto in its first version"])
def test_auto_is_picked_by_the_first_version_where_the_second_is_missing(outcome: Outcome) -> None:
    paths = [entry["path"] for entry in outcome.entries]
    assert paths.index(AUTO) < paths.index("/models/session") < paths.index("/models/session/intent")
    assert all(headers_of(outcome.turns, "copilot-session-token"))
    assert {turn["body"]["model"] for turn in outcome.turns} == {"gpt-5-mini"}  # the first of the session's


@pytest.mark.parametrize("name", ["a subagent"])
def test_a_subagents_requests_are_an_agents(outcome: Outcome) -> None:
    its = [turn for turn in outcome.turns if turn["headers"]["x-interaction-type"] == "conversation-subagent"]
    main = [turn for turn in outcome.turns if turn not in its]
    assert headers_of(its, "x-initiator") == ["agent"] * 3
    check_signals(main)
    for own in ("x-agent-task-id", "x-interaction-id"):
        assert len({*headers_of(its, own)}) == 1
        assert not {*headers_of(its, own)} & {*headers_of(main, own)}
    assert {*headers_of(its, "x-client-session-id")} == {*headers_of(main, "x-client-session-id")}


@pytest.mark.parametrize("name", ["web search"])
def test_the_web_is_searched_by_githubs_mcp_server(outcome: Outcome) -> None:
    calls = [entry["body"] for entry in outcome.at("/mcp/readonly")]
    assert [call["method"] for call in calls] == ["server/discover", "tools/list", "tools/call"]
    assert calls[2]["params"]["name"] == "web_search"
    (result,) = results_in(outcome.turns[1]["body"])
    assert "https://example.com/red-pandas" in result


@pytest.mark.parametrize("name", ["gpt without its websocket"])
def test_a_broken_simulator_is_noticed(runner: Runner, name: str) -> None:
    """The CLI gets along without, so that its response alone would prove nothing."""
    outcome = runner.outcome(name, BROKEN[name])
    outcome.check()
    with pytest.raises(AssertionError):
        check_frames(outcome)


@pytest.mark.needs(*RUNS)
def test_the_official_clients_requests_are_the_known_ones(
    runner: Runner, request: pytest.FixtureRequest
) -> None:
    entries = [entry for name, wanted in RUNS.items() for entry in runner.outcome(name, wanted).entries]
    version = golden.version_in(entries)
    now = golden.observe(entries, version)
    if request.config.getoption("--write-golden"):
        golden.write(now, version)
    changed = list(golden.differences(golden.read()["calls"], now))
    if NEWEST:
        request.config.stash[golden.NEWS] = [f"version {version}", *(changed or ["nothing has changed"])]
    else:
        assert changed == []
