"""The headers by which Copilot learns the initiator and the interaction of each call."""

import json
import time
from collections.abc import Callable

import pytest
from integration.agents import claude_code, codex, item
from integration.harness import PATIENCE, Bridge, Json, Simulator, Start, new_mark, new_token

CODEX, SONNET, CHAT = "gpt-5.3-codex", "claude-sonnet-4.5", "gpt-4.1"

Heads = dict[str, str]


def initiator_headers(entry: Json) -> tuple[str, str]:
    return entry["headers"]["x-initiator"], entry["headers"]["x-interaction-type"]


def ids(entry: Json, profile: str = "vscode") -> tuple[str, str, str]:
    """(session, interaction, task)"""
    session = {"vscode": "vscode-sessionid", "cli": "x-client-session-id"}[profile]
    headers = entry["headers"]
    return headers[session], headers["x-interaction-id"], headers["x-agent-task-id"]


def post(bridge: Bridge, path: str, body: Json, **headers: str) -> None:
    response = bridge.request(
        "POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    assert response.status == 200, response.body


def logged(bridge: Bridge, session: str, number: int) -> list[Json]:
    """The log's rows of a conversation, as soon as there are so many."""
    end = time.monotonic() + PATIENCE
    while True:
        query = f"/requests?session={session}"
        found: list[Json] = bridge.request("GET", query, headers={"accept": "application/json"}).json["data"]
        if len(found) >= number or time.monotonic() > end:
            return found
        time.sleep(0.05)


# A person's turn and its tool loop, as each client goes on with it: (path, headers, the bodies in turn).


def loop_of_claude_code(mark: str) -> tuple[str, Heads, list[Json]]:
    session = {"user_id": json.dumps({"device_id": "d", "account_uuid": "", "session_id": new_mark()})}
    first = claude_code(f"list {mark}", SONNET, metadata=session)
    first["messages"] = first["messages"][:1]
    call = {"type": "tool_use", "id": "toolu_1", "name": "Tool0", "input": {"path": "a"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
    went = [
        *first["messages"],
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    reminded = {"role": "user", "content": "<system-reminder>The file has changed.</system-reminder>"}
    typed = {"role": "user", "content": [{"type": "text", "text": "and now?"}]}
    ended = [*went, {"role": "assistant", "content": "done"}, typed]
    return (
        "/v1/messages",
        {"user_agent": "claude-cli/2.1.329 (external, cli)"},
        [
            first,
            first | {"messages": went},
            first | {"messages": [*went, reminded]},
            first | {"messages": ended},
        ],
    )


def loop_of_codex(mark: str) -> tuple[str, Heads, list[Json]]:
    whole = codex(f"list {mark}", CODEX)
    start = [whole["input"][0], whole["input"][1], item("user", f"list {mark}")]
    output = {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"}
    call = {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": "{}"}
    went = [*start, call, output]
    notified = item("user", "<environment_context>Linux</environment_context>")
    ended = [*went, item("assistant", "done"), item("user", "and now?")]
    session = new_mark()
    return (
        "/v1/responses",
        {"session_id": session, "thread_id": session, "user_agent": "codex_exec/0.171.0"},
        [whole | {"input": given} for given in (start, went, [*went, notified], ended)],
    )


def loop_of_opencode(mark: str) -> tuple[str, Heads, list[Json]]:
    start: list[Json] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"list {mark}"},
    ]
    call = {"id": "call_1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    went = [
        *start,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a.txt"},
    ]
    reminded = {"role": "user", "content": "<system-reminder>Plan mode is active.</system-reminder>"}
    ended = [*went, {"role": "assistant", "content": "done"}, {"role": "user", "content": "and now?"}]
    tool = {
        "type": "function",
        "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}},
    }
    body = {"model": CHAT, "tools": [tool]}
    session = new_mark()
    return (
        "/v1/chat/completions",
        {"x_session_affinity": session, "user_agent": "opencode/1.18.33 ai-sdk"},
        [body | {"messages": given} for given in (start, went, [*went, reminded], ended)],
    )


def loop_of_an_sdk(mark: str) -> tuple[str, Heads, list[Json]]:
    """Which says nothing of the conversation."""
    path, _, bodies = loop_of_opencode(mark)
    return path, {"user_agent": "OpenAI/Python 3.57.0"}, bodies


Loop = Callable[[str], tuple[str, Heads, list[Json]]]
LOOPS: dict[str, Loop] = {
    "claude-code": loop_of_claude_code,
    "codex": loop_of_codex,
    "opencode": loop_of_opencode,
    "sdk": loop_of_an_sdk,
}


@pytest.mark.parametrize("client", LOOPS)
def test_a_turn_its_tool_loop_and_the_next_turn(
    by_http: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    path, headers, bodies = LOOPS[client](mark)
    for body in bodies:
        post(by_http, path, body, **headers)
    entries = simulator.ledger(mark)
    assert [initiator_headers(entry)[0] for entry in entries] == ["user", "agent", "agent", "user"]
    assert {initiator_headers(entry)[1] for entry in entries} == {"conversation-agent"}, "as VS Code says it"
    one, two, three, later = map(ids, entries)
    assert one == two == three
    assert later[0] == one[0], "the session goes on"
    assert not {*later[1:]} & {*one[1:]}, "the turn is another"
    assert {entry["headers"]["vscode-machineid"] for entry in entries} == {
        entries[0]["headers"]["vscode-machineid"]
    }
    assert len(logged(by_http, one[0][:13], 4)) == 4


SUBAGENTS: dict[str, tuple[Heads, Heads]] = {
    "claude-code": ({"x_claude_code_session_id": "S"}, {"x_claude_code_agent_id": "a1"}),
    "codex": (
        {"session_id": "S", "thread_id": "S"},
        {"thread_id": "T", "x_openai_subagent": "collab_spawn", "x_codex_parent_thread_id": "S"},
    ),
    "opencode": ({"x_session_affinity": "S"}, {"x_session_affinity": "T", "x_parent_session_id": "S"}),
}


@pytest.mark.parametrize("client", SUBAGENTS)
def test_a_subagents_calls_are_an_agents(
    by_http: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    """All its calls are an agent's, the first included; they belong to what the person asked."""
    path, headers, bodies = LOOPS[client](mark)
    main, more = SUBAGENTS[client]
    main = {**headers, **main}
    post(by_http, path, bodies[0], **main)
    post(by_http, path, bodies[0], **{**main, **more})
    post(by_http, path, bodies[1], **{**main, **more})
    first, *others = simulator.ledger(mark)
    assert initiator_headers(first) == ("user", "conversation-agent")
    assert [initiator_headers(entry) for entry in others] == [("agent", "conversation-subagent")] * 2
    assert {ids(entry)[:2] for entry in others} == {ids(first)[:2]}
    assert {ids(entry)[2] for entry in others} != {ids(first)[2]}
    assert len({ids(entry)[2] for entry in others}) == 1


KINDS: list[tuple[str, Heads, str]] = [
    ("claude-code", {"x_claude_code_request_class": "compaction"}, "conversation-compaction"),
    ("claude-code", {"x_claude_code_request_class": "auxiliary"}, "conversation-background"),
    ("codex", {"x_openai_subagent": "compact"}, "conversation-compaction"),
    ("codex", {"x_openai_subagent": "memory_consolidation"}, "conversation-background"),
    ("codex", {"x_openai_subagent": "review"}, "conversation-subagent"),
    ("sdk", {"x_interaction_type": "conversation-subagent", "x_initiator": "agent"}, "conversation-subagent"),
]


@pytest.mark.parametrize(("client", "more", "kind"), KINDS)
def test_requests_that_clients_mark_are_an_agents(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, more: Heads, kind: str
) -> None:
    path, headers, bodies = LOOPS[client](mark)
    post(bridge, path, bodies[0], **{**headers, **more})
    assert initiator_headers(simulator.only(mark)) == ("agent", kind)


def test_a_clients_own_prompts_are_an_agents(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """A title, a compaction: by the client's own words, which nobody else's are taken for."""
    title = {"type": "text", "text": "Generate a concise, sentence-case title (3-7 words) for it."}
    body = {
        "model": SONNET,
        "max_tokens": 100,
        "system": [title],
        "messages": [{"role": "user", "content": mark}],
    }
    post(bridge, "/v1/messages", body, user_agent="claude-cli/2.1.329")
    post(bridge, "/v1/messages", body, user_agent="Anthropic/Python 2.11.0")
    ours, others = simulator.ledger(mark)
    assert initiator_headers(ours) == ("agent", "conversation-background")
    assert initiator_headers(others) == ("user", "conversation-agent")


def test_clients_can_not_declare_themselves_agents(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """GitHub bills by it: it follows from the conversation."""
    body = {"model": CHAT, "messages": [{"role": "user", "content": mark}]}
    post(bridge, "/v1/chat/completions", body, x_initiator="agent", x_interaction_type="conversation-agent")
    assert initiator_headers(simulator.only(mark))[0] == "user"


def test_an_unexchanged_token_sends_the_signals_of_the_cli(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """A token that goes direct: in the CLI's words, by any of two workers, and after a restart."""
    token = new_token(prefix="gho")
    path, headers, bodies = loop_of_codex(mark)
    bridge = start_bridge(github_token=token, server="gunicorn", workers=2, upstream_websocket="off")
    for body in (bodies[0], *[bodies[1]] * 6):
        post(bridge, path, body, **headers)
    bridge.stop()
    again = start_bridge(github_token=token, server="gevent", home=bridge.home)
    post(again, path, bodies[2], **headers)
    entries = simulator.ledger(mark)
    assert initiator_headers(entries[0]) == ("user", "conversation-user")
    assert {initiator_headers(entry) for entry in entries[1:]} == {("agent", "conversation-agent")}
    assert len({ids(entry, "cli") for entry in entries}) == 1
    assert len({entry["headers"]["x-client-machine-id"] for entry in entries}) == 1
    sent = entries[0]["headers"]
    assert sent["editor-version"].startswith("copilot/")
    assert sent["copilot-integration-id"] == "copilot-developer-cli"
    assert sent["x-github-repository-nwo"] == "__no_repository__"
    assert not {"editor-plugin-version", "vscode-machineid", "vscode-sessionid"} & sent.keys()
    model_lists = [
        entry
        for entry in simulator.ledger(path="/models")
        if entry["headers"]["authorization"] == f"Bearer {token}"
    ]
    assert {entry["headers"]["x-initiator"] for entry in model_lists} == {"user"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_network_error_makes_no_second_turn(
    bridge: Bridge, simulator: Simulator, mark: str, path: str
) -> None:
    """Copilot has read the request, and the connection ends without a response."""
    messages = [{"role": "user", "content": f"[[sim:close-before-response once={mark}]] hello"}]
    bodies: dict[str, Json] = {
        "/v1/chat/completions": {"model": CHAT, "messages": messages},
        "/v1/responses": {"model": CODEX, "input": messages},
        "/v1/messages": {"model": SONNET, "max_tokens": 100, "messages": messages},
    }
    post(bridge, path, bodies[path])
    assert [initiator_headers(entry)[0] for entry in simulator.ledger(mark)] == ["user", "agent"]


def test_callers_share_no_ids(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """The same words under the same name, from others."""
    path, headers, bodies = loop_of_codex(mark)
    for key in ("one", "two"):
        post(bridge, path, bodies[0], **headers, authorization=f"Bearer {key}")
    one, two = map(ids, simulator.ledger(mark))
    assert not {*one} & {*two}


def test_the_log_shows_a_conversation(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """Listed, exported and shown."""
    path, headers, bodies = loop_of_codex(mark)
    for body in bodies[:2]:
        post(bridge, path, body, **headers)
    bridge.chat(f"another {mark}")
    session = ids(simulator.ledger(mark)[0])[0][:13]

    mine = logged(bridge, session, 2)
    assert [row["initiator"] for row in mine] == ["agent", "user"]
    html = {"accept": "text/html"}
    page = bridge.request("GET", f"/requests/{mine[0]['id']}", headers=html).body.decode()
    assert f'href="/requests?session={session}"' in page
    listed = bridge.request("GET", f"/requests?session={session}", headers=html).body.decode()
    assert listed.count("<tbody") == 1
    assert f'name="session" value="{session}"' in listed
    written = bridge.request("GET", f"/requests.csv?session={session}").body.decode().splitlines()
    assert "session" in written[0].split(",")
    assert len(written) == 3
