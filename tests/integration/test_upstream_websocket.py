"""A conversation's WebSocket to Copilot: its frames, and responses that equal those by HTTP."""

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from integration.conversations import (
    AGENTS,
    ENOUGH,
    OPERATOR,
    Agent,
    Call,
    Messages,
    Responses,
    events_of,
    metric,
    plan,
    wait_until_opened,
    way_of,
    ways,
)
from integration.harness import (
    Bridge,
    Json,
    Junction,
    Simulator,
    Start,
    environment,
    new_mark,
    new_token,
)


@pytest.fixture
def bridge(_share: Start) -> Bridge:
    return _share(server="gevent", upstream_websocket_connections=ENOUGH)


@pytest.fixture(scope="module")
def many(_launch: Start) -> Iterator[Bridge]:
    """A bridge for accounts of the callers' own, so that no failure of one test concerns another."""
    bridge = _launch(allow_github_tokens=1, api_key=OPERATOR, upstream_websocket_connections=ENOUGH)
    yield bridge.warm_up(OPERATOR)
    bridge.stop()


def opened(bridge: Bridge) -> partial[None]:
    return partial(wait_until_opened, bridge, metric(bridge, "upstream_websockets_open"))


@pytest.mark.parametrize("dialect", AGENTS)
def test_a_conversation_is_uploaded_once(
    bridge: Bridge, simulator: Simulator, mark: str, dialect: str
) -> None:
    agent = AGENTS[dialect](plan(3, "All is done."), mark)
    assert agent.work(bridge, opened(bridge)) == "All is done."
    assert ways(simulator, mark) == ["http", "whole", "continued", "continued"]
    agent.items.append({"role": "user", "content": "[[sim:say]] And again."})
    assert agent.turn(bridge) == ("And again.", [])
    last = simulator.ledger(mark)[-1]
    assert way_of(last) == "continued"
    assert len(last["body"]["input"]) == 1
    assert last["body"]["initiator"] == "user"


def test_a_continued_turn_is_what_githubs_client_sends(many: Bridge, simulator: Simulator, mark: str) -> None:
    agent = Responses(plan(2, "Done."), mark, new_token())
    counters = ['upstream_websocket_turns_total{way="continued"}', "upstream_websocket_spared_bytes_total"]
    before = [metric(many, name) for name in counters]
    agent.work(many, opened(many))
    first, _, last = simulator.ledger(mark)
    frame = last["body"]
    (item,) = frame["input"]
    assert item["type"] == "function_call_output"
    assert frame["initiator"] == "agent"
    assert frame["headers"].keys() == {"VScode-SessionId", "X-Interaction-Id", "X-Agent-Task-Id"}
    assert frame["agent_task_id"] == frame["headers"]["X-Agent-Task-Id"]
    assert "stream" not in frame
    (upgrade,) = upgrades(simulator, first)
    assert {"authorization", "editor-version", "x-interaction-id"} <= upgrade["headers"].keys()
    assert not {"content-type", "content-length"} & upgrade["headers"].keys()
    continued, spared = (metric(many, name) - old for name, old in zip(counters, before, strict=True))
    assert continued == 1
    assert spared > 500


def upgrades(simulator: Simulator, turn: Json) -> list[Json]:
    """The handshakes for the conversation of a turn."""
    asked = [entry for entry in simulator.ledger(path="/responses") if entry["method"] == "GET"]
    session = turn["headers"]["vscode-sessionid"]
    return [entry for entry in asked if entry["headers"].get("vscode-sessionid") == session]


# The ids and times, which differ between any two responses, are left out of the comparison.
VARIES = re.compile(
    rb'"(id|item_id|obfuscation|reasoning_opaque|call_id|tool_use_id|encrypted_content|signature|data|created_at|created|'
    rb'previous_response_id|input_tokens|total_tokens|cached_tokens|cache_read_input_tokens|prompt_tokens)":'
    rb'("[^"]*"|\d+|null)'
)


def seen(agent: Agent, bridge: Bridge) -> bytes:
    stream = agent.ask(bridge)
    assert stream.status == 200, stream.response().body
    raw = b"\n\n".join(frame.raw for frame in stream.all() if not frame.is_comment)
    stream.close()
    agent.read([json.loads(data) for data in re.findall(rb"data: (\{.*\})", raw)])
    return VARIES.sub(rb'"\1":0', raw)


def steps(random_: random.Random, length: int) -> list[tuple[str, str]]:
    """Steps of a conversation: it continues, is tried again, changed, or branches off."""
    kinds = ["on"] * 4 + ["again", "edit", "branch"]
    return [(random_.choice(kinds), f"step {number}") for number in range(length)]


def take(agent: Agent, kind: str, text: str) -> None:
    message = {"role": "user", "content": f"[[sim:think]] [[sim:say]] I heard {text}."}
    if kind == "again":
        agent.items.pop()
        while agent.items[-1]["role" if "role" in agent.items[-1] else "type"] != "user":
            agent.items.pop()
        return
    if kind == "edit":
        agent.items[0] = {"role": "user", "content": f"[[sim:say]] edited {text}"}
    if kind == "branch" and len(agent.items) > 2:
        del agent.items[len(agent.items) // 2 :]
        while agent.items and agent.items[-1].get("role") == "user":
            agent.items.pop()
    agent.items.append(message)


@pytest.mark.parametrize("dialect", AGENTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_clients_see_the_same_as_by_http(by_http: Bridge, bridge: Bridge, dialect: str, seed: int) -> None:
    received: list[list[bytes]] = []
    for target in (bridge, by_http):
        agent = AGENTS[dialect]("[[sim:say]] Begin.")
        received.append([seen(agent, target)])
        for kind, text in steps(random.Random(seed), 7):
            take(agent, kind, text)
            received[-1].append(seen(agent, target))
    assert received[0] == received[1]


def calls_in(agent: Agent, response: Json) -> list[Call]:
    """The calls of a whole response, which is added to the conversation."""
    if isinstance(agent, Responses):
        return agent.read([{"type": "response.completed", "response": response}])[1]
    if isinstance(agent, Messages):
        agent.items.append({"role": "assistant", "content": response["content"]})
        return [(block["id"], block["input"]) for block in response["content"] if block["type"] == "tool_use"]
    message = response["choices"][0]["message"]
    agent.items.append(message)
    return [
        (call["id"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls") or ()
    ]


def whole_responses(agent: Agent, bridge: Bridge, wait: partial[None] | None = None) -> list[bytes]:
    """The responses to a tool loop, none of them streamed."""
    responses: list[bytes] = []
    while True:
        body = {"model": agent.model, **agent.body()}
        response = bridge.request("POST", agent.path, json.dumps(body).encode(), agent.headers)
        assert response.status == 200, response.body
        responses.append(VARIES.sub(rb'"\1":0', response.body))
        calls = calls_in(agent, response.json)
        if not calls:
            return responses
        agent.items += [agent.result(call, "done") for call in calls]
        if wait and len(responses) == 1:
            wait()


@pytest.mark.parametrize("dialect", AGENTS)
def test_whole_responses_come_over_it_too(
    by_http: Bridge, bridge: Bridge, simulator: Simulator, mark: str, dialect: str
) -> None:
    responses = whole_responses(AGENTS[dialect](plan(3, "Done."), mark), bridge, opened(bridge))
    other = new_mark()
    by_http_ = whole_responses(AGENTS[dialect](plan(3, "Done."), other), by_http)
    assert [json.loads(response) for response in responses] == [
        json.loads(response.replace(other.encode(), mark.encode())) for response in by_http_
    ]
    assert ways(simulator, mark) == ["http", "whole", "continued", "continued"]


# Faults of a conversation's WebSocket before the first event.
FAULTS = (
    "close-before-response",
    "cut-between after=0",
    "cut-in-frame after=0",
    "reset after=0",
    "close-frame after=0 code=1011",
    "refuse name=previous-response",
    "status code=500",
    "status code=429",
)


def ready_agent(bridge: Bridge, kind: type[Agent] = Responses) -> Agent:
    """One whose conversation has a WebSocket."""
    agent = kind("[[sim:say]] Hello.", token=new_token())
    wait = opened(bridge)
    agent.turn(bridge)
    wait()
    return agent


@pytest.mark.parametrize("fault", FAULTS)
def test_a_turn_whose_websocket_fails_goes_by_http(
    many: Bridge, simulator: Simulator, mark: str, fault: str
) -> None:
    agent = ready_agent(many, Messages)
    wait = partial(wait_until_opened, many, metric(many, "upstream_websockets_open") - 1)
    directive = fault.replace(" ", f" once={mark} ", 1) if " " in fault else f"{fault} once={mark}"
    agent.items.append({"role": "user", "content": f"{mark} [[sim:{directive}]] [[sim:say]] Here I am."})
    assert agent.turn(many) == ("Here I am.", [])
    entries = simulator.ledger(mark)
    assert [way_of(entry) for entry in entries] == ["whole", "http"]
    assert len(entries[-1]["body"]["input"]) == 4  # with reasoning
    # What Copilot may have read counts as the person's turn already; what it refused does not.
    refused = fault.startswith(("refuse", "status"))
    assert entries[-1]["headers"]["x-initiator"] == ("user" if refused else "agent")
    # And the conversation goes on over a new one.
    wait()
    agent.items.append({"role": "user", "content": f"{mark} [[sim:say]] Still here."})
    assert agent.turn(many)[0] == "Still here."
    assert ways(simulator, mark)[2:] == ["whole"]


@pytest.mark.parametrize("status", [426, 404, 503])
def test_a_refused_upgrade_is_asked_for_once(
    many: Bridge, simulator: Simulator, mark: str, status: int
) -> None:
    token = new_token()
    simulator.control("outages", github_token=token, paths={"ws:/responses": status})
    for _ in range(2):
        agent = Responses(f"{mark} {plan(2, 'Done.')}", mark, token)
        assert agent.work(many) == "Done."
        many.log.wait_for(lambda line: f"has status {status}" in line)
    assert set(ways(simulator, mark)) == {"http"}
    asked = {entry["id"] for turn in simulator.ledger(mark) for entry in upgrades(simulator, turn)}
    assert len(asked) == 1


def test_a_cut_in_the_middle_of_a_response_is_told(many: Bridge, simulator: Simulator, mark: str) -> None:
    agent = ready_agent(many)
    text = f"{mark} [[sim:cut-between after=5 once={mark}]] [[sim:say]] one two three four five"
    agent.items.append({"role": "user", "content": text})
    stream = agent.ask(many)
    events = events_of(stream)
    assert events[-1]["type"] == "response.failed"
    assert ways(simulator, mark) == ["whole"]
    assert agent.turn(many)[0] == "one two three four five"


def test_a_client_that_leaves_ends_its_turn(many: Bridge, simulator: Simulator, mark: str) -> None:
    agent = ready_agent(many)
    agent.items.append(
        {
            "role": "user",
            "content": f"{mark} [[sim:stall after=5 seconds=30 once={mark}]] [[sim:say]] 1 2 3 4",
        }
    )
    stream = agent.ask(many)
    next(stream.frames())
    stream.leave()
    assert simulator.ended(mark)["outcome"] == "client-gone"
    assert agent.turn(many)[0] == "1 2 3 4"


def test_two_requests_at_once_are_never_mixed(many: Bridge, simulator: Simulator) -> None:
    agent = ready_agent(many)
    marks = [new_mark() for _ in range(4)]
    texts: dict[str, str] = {}

    def ask(mark: str) -> None:
        mine = Responses("")
        mine.headers = agent.headers
        words = f"{mark} " * 20
        mine.items = [
            *agent.items,
            {"role": "user", "content": f"[[sim:stall after=4 seconds=0.1]] [[sim:say]] {words}"},
        ]
        texts[mark] = mine.turn(many)[0]

    threads = [threading.Thread(target=ask, args=(mark,)) for mark in marks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {mark: (f"{mark} " * 20) for mark in marks}
    took = [way for mark in marks for way in ways(simulator, mark)]
    assert (len(took), "whole" in took) == (4, True)


def test_a_connection_that_ends_while_it_waits_is_not_used(
    many: Bridge, simulator: Simulator, mark: str
) -> None:
    token = new_token()
    simulator.control("websockets", github_token=token, idle=0.2)
    agent = Responses("[[sim:say]] Hello.", token=token)
    wait = opened(many)
    lost = 'upstream_websocket_turns_total{way="lost"}'
    before, there = metric(many, lost), metric(many, "upstream_websockets_open")
    agent.turn(many)
    wait()
    while metric(many, "upstream_websockets_open") > there:
        time.sleep(0.01)
    agent.items.append({"role": "user", "content": f"{mark} [[sim:say]] Still here."})
    assert agent.turn(many)[0] == "Still here."
    assert ways(simulator, mark) == ["http"]
    assert metric(many, lost) == before


def test_messages_of_all_sizes_pass_over_tls(
    start_bridge: Start,
    simulator: Simulator,
    certificate: Path,
    mark: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large messages and many small ones, of which OpenSSL holds some back."""
    trusting = {"SSL_CERT_FILE": str(certificate)}
    monkeypatch.setattr("integration.harness.environment", lambda home: environment(home) | trusting)
    with closing(Junction(simulator.url, certificate=certificate)) as secure:
        bridge = start_bridge(copilot_api_url=secure.url).warm()
        said = "long words " * 3_000
        agent = Responses(plan(2, said), mark)
        assert agent.work(bridge, partial(wait_until_opened, bridge, 0)).strip() == said.strip()
        assert ways(simulator, mark) == ["http", "whole", "continued"]
        agent.items.append({"role": "user", "content": "[[sim:flood events=2000 size=40 gap=0]]"})
        assert len(events_of(agent.ask(bridge))) > 2000
        assert ways(simulator, mark)[-1] == "continued"
        bridge.stop()


def test_with_the_setting_off_there_is_none(by_http: Bridge, simulator: Simulator, mark: str) -> None:
    agent = Responses(plan(2, "Done."), mark)
    assert agent.work(by_http) == "Done."
    assert ways(simulator, mark) == ["http"] * 3
