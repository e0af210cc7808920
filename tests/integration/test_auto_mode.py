"""The model "auto": one that Copilot picks for a conversation, by whatever version of it there is."""

import time
from collections.abc import Iterator

import pytest
from integration.harness import PATIENCE, Bridge, Json, Simulator, Start, new_token

CHAT = "/v1/chat/completions"


def messages_of(*turns: str) -> list[Json]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": turn} for number, turn in enumerate(turns)]


def set_outage(simulator: Simulator, bridge: Bridge, **paths: object) -> None:
    body = {
        "github_token": bridge.github_token,
        "paths": {f"/{name}": state for name, state in paths.items()},
    }
    response = simulator.session.post(f"{simulator.url}/_simulator/outages", json=body, timeout=20)
    assert response.status_code < 300, response.text


def ask(bridge: Bridge, *turns: str, model: str = "auto", **headers: str) -> Json:
    body = {"model": model, "messages": messages_of(*turns)}
    response = bridge.request("POST", CHAT, body, headers)
    assert response.status == 200, response.body
    found: Json = response.json
    return found


def sent_for(simulator: Simulator, mark: str) -> tuple[list[Json], list[Json]]:
    """(the calls of /auto, those of a model)"""
    entries = simulator.ledger(mark)
    picks = [entry for entry in entries if entry["path"].endswith("/auto")]
    answered = [
        entry for entry in entries if entry["path"].endswith(("/chat/completions", "/messages", "/responses"))
    ]
    return picks, answered


@pytest.fixture(scope="module")
def auto_bridge(_launch: Start) -> Iterator[Bridge]:
    bridge = _launch(server="gevent", honor_retry_after=0)
    yield bridge
    bridge.stop()


def test_a_conversation_keeps_its_pick(auto_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    ask(auto_bridge, f"hello {mark}")
    ask(auto_bridge, f"hello {mark}", "hi", "and now?")
    picks, answered = sent_for(simulator, mark)
    (pick,) = picks
    assert pick["body"]["prompt"] == f"hello {mark}"
    assert pick["headers"]["x-github-api-version"] == "2026-08-01"
    assert len({entry["headers"]["copilot-session-token"] for entry in answered}) == 1
    assert len({entry["body"]["model"] for entry in answered}) == 1
    assert answered[0]["body"]["model"] != "auto"


@pytest.mark.parametrize("tier", ["efficiency", "balance", "intelligence"])
def test_a_tier_is_sent_to_copilot(auto_bridge: Bridge, simulator: Simulator, mark: str, tier: str) -> None:
    ask(auto_bridge, f"hello {mark}", model=f"auto:{tier}")
    picks, answered = sent_for(simulator, mark)
    assert [pick["body"]["tier"] for pick in picks] == [tier]
    family = {"efficiency": "gpt-5-mini", "balance": "claude-sonnet", "intelligence": "claude-opus"}[tier]
    assert answered[0]["body"]["model"].startswith(family)


def test_a_compaction_picks_anew(auto_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """The conversation goes on under its name, with another beginning."""
    session = {"session-id": mark}
    ask(auto_bridge, f"hello {mark}", **session)
    checkpoint = "You are performing a CONTEXT CHECKPOINT COMPACTION."
    ask(auto_bridge, f"hello {mark}", "hi", checkpoint, **session)
    assert len(sent_for(simulator, mark)[0]) == 1
    summary = "Another language model started to solve this problem and produced a summary of it"
    ask(auto_bridge, summary, "ok", f"go on {mark}", **session)
    ask(auto_bridge, summary, "ok", f"go on {mark}", "done", f"thanks {mark}", **session)
    assert len(sent_for(simulator, mark)[0]) == 2


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
def test_auto_works_in_every_api(auto_bridge: Bridge, simulator: Simulator, mark: str, path: str) -> None:
    """What it picks may speak another."""
    for tier in ("efficiency", "balance"):
        words = messages_of(f"hello {mark} {tier}")
        fields = {"input": words} if path == "/v1/responses" else {"messages": words, "max_tokens": 100}
        response = auto_bridge.request("POST", path, {"model": f"auto:{tier}", **fields})
        assert response.status == 200, response.body
    picks, answered = sent_for(simulator, mark)
    assert (len(picks), len(answered)) == (2, 2)


def test_a_refused_session_is_replaced_within_the_turn(
    auto_bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    """401 "Invalid auto-mode selector": Copilot is asked for another; the turn is still the person's."""
    ask(auto_bridge, f"[[sim:refuse name=auto-selector once={mark}]] hello {mark}")
    picks, answered = sent_for(simulator, mark)
    assert len(picks) == 2
    first, second = (entry["headers"]["copilot-session-token"] for entry in answered)
    assert first != second
    assert [entry["headers"]["x-initiator"] for entry in answered] == ["user", "user"]


def test_a_refused_session_has_one_successor(auto_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    body = {"model": "auto", "messages": messages_of(f"[[sim:refuse name=auto-selector]] hello {mark}")}
    response = auto_bridge.request("POST", CHAT, body)
    assert response.status == 401
    picks, answered = sent_for(simulator, mark)
    assert len(picks) == 2
    assert len(answered) <= 3


def test_the_discount_is_in_the_log(auto_bridge: Bridge, mark: str) -> None:
    ask(auto_bridge, f"hello {mark}")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        head = {"accept": "application/json"}
        rows = auto_bridge.request("GET", "/requests?limit=1", headers=head).json["data"]
        if rows and rows[0]["discount"]:
            break
        time.sleep(0.05)
    assert rows[0]["discount"] == 0.1
    page = auto_bridge.request("GET", f"/requests/{rows[0]['id']}", headers={"accept": "text/html"}).body
    assert "10 %" in page.decode()


def test_auto_and_its_tiers_are_listed(auto_bridge: Bridge) -> None:
    names = {"auto", "auto:efficiency", "auto:balance", "auto:intelligence"}
    rows = auto_bridge.request("GET", "/v1/models").json["data"]
    assert names <= {row["id"] for row in rows}
    head = {"anthropic-version": "2023-06-01"}
    listed = auto_bridge.request("GET", "/v1/models?limit=1000", headers=head).json["data"]
    assert names <= {row["id"] for row in listed}
    assert auto_bridge.request("GET", "/v1/models/auto:balance").json["id"] == "auto:balance"
    assert auto_bridge.request("GET", "/v1/models/auto:fast").status == 404
    page = auto_bridge.request("GET", "/models?fetch=1", headers={"accept": "text/html"}).body.decode()
    assert "auto:balance" in page
    assert "10 % off<" in page
    assert "10 % off when “auto” picks it" in page


def test_a_restart_goes_on_with_the_pick(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    """And each of two workers."""
    token = new_token()
    bridge = start_bridge(github_token=token, server="gunicorn", workers=2)
    turns = [f"hello {mark}"]
    for _ in range(4):
        ask(bridge, *turns)
        turns += ["hi", f"and now? {mark}"]
    bridge.stop()
    again = start_bridge(github_token=token, server="gevent", home=bridge.home, auto_tier="balance")
    ask(again, *turns)
    picks, answered = sent_for(simulator, mark)
    assert len({entry["headers"]["copilot-session-token"] for entry in answered[:-1]}) == 1
    assert [pick["body"].get("tier") for pick in picks] == [None, "balance"], "another tier is another pick"


def test_the_first_version_is_used_where_the_second_is_missing(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """Where POST /auto is 404; and what is said where that is all that there is not."""
    bridge = start_bridge(github_token=new_token("firstauto"), server="gevent", honor_retry_after=0)
    ask(bridge, f"hello {mark}")
    (intent,) = simulator.ledger(mark, path="/models/session/intent")
    (answered,) = sent_for(simulator, mark)[1]
    assert answered["headers"]["copilot-session-token"] == intent["headers"]["copilot-session-token"]
    assert answered["body"]["model"] == intent["body"]["available_models"][0]
    set_outage(simulator, bridge, **{"models/session/intent": 404})
    ask(bridge, f"without an intent {mark}")
    set_outage(simulator, bridge, **{"models/session": 404})
    body = {"model": "auto", "messages": messages_of(f"nothing {mark}")}
    response = bridge.request("POST", CHAT, body)
    assert response.status == 404
    assert "this plan has no automatic choice of model: name a model, like" in response.error["message"]
    set_outage(simulator, bridge, **{"models/session": None, "auto": 503})
    ask(bridge, f"as it was {mark}")


def test_a_passing_failure_costs_a_retry_and_no_cooldown(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """503 is asked once more, then the first version serves; the account does not rest for it."""
    bridge = start_bridge(server="gevent")
    set_outage(simulator, bridge, auto=503)
    ask(bridge, f"hello {mark}")
    picks, (answered,) = sent_for(simulator, mark)
    assert len(picks) == 2
    assert answered["headers"]["copilot-session-token"]
    set_outage(simulator, bridge, auto=None)
    ask(bridge, f"again {mark}")
    assert len(sent_for(simulator, mark)[0]) == 3


def test_an_outdated_client_is_reported_once(start_bridge: Start) -> None:
    """Copilot says so in each row: the log tells it once, the pages and the commands too."""
    old = {"editor_version": "vscode/1.110.0", "plugin_version": "copilot-chat/0.42.0"}
    bridge = start_bridge(server="gevent", **old)
    for _ in range(2):
        assert bridge.request("GET", "/v1/models").status == 200
    for path in ("/models?fetch=1", "/"):
        page = bridge.request("GET", path, headers={"accept": "text/html"}).body.decode()
        assert page.count("regards the bridge as an outdated client") == 1, path
        assert "COPILOT_BRIDGE_EDITOR_VERSION" in page
        assert page.count("Please update your client") == 1, path
    lines = [line for line in bridge.log.all() if "outdated client, and" in line]
    assert len(lines) == 1
