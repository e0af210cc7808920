"""Requests are adapted to the target: a setting is sent, enforced by the bridge, or refused by its field."""

import json
from typing import Any

import pytest
from integration.dialects import ALL_DIALECTS, CHAT, DIALECTS, MESSAGES
from integration.harness import Bridge, Json, Simulator

from tests.integration.adaptation import (
    CODEX,
    GEMINI,
    GPT,
    PAIRS,
    SONNET,
    conversation,
    history,
    pairs,
    refusal_of,
    response_to,
    schema_of,
    upstream_body,
)

SCHEMA: Json = {"type": "object", "properties": {}}


LONG = "toolu_" + "x" * 80


@pytest.mark.parametrize("id_", [LONG, "functions.Bash:0", "call/+ü=="])
@pytest.mark.parametrize(("client", "model"), PAIRS)
def test_ids_of_another_provider_are_adapted(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, id_: str
) -> None:
    body = conversation(client, model, history(client, mark, (id_, "read"), ("toolu_fine", "read")))
    (call, result), fine = pairs(upstream_body(bridge, simulator, mark, client, body))
    assert call == result != id_
    assert set(call) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert len(call) <= (40 if (model, client) == (GPT, "chat") else 64)
    assert fine == ("toolu_fine", "toolu_fine")
    again = conversation(client, model, history(client, f"{mark}2", (id_, "read"), (f"{id_}x", "read")))
    (same, _), (other, _) = pairs(upstream_body(bridge, simulator, f"{mark}2", client, again))
    assert same == call != other


@pytest.mark.parametrize(("client", "model"), PAIRS)
def test_two_calls_with_one_id_get_ids_of_their_own(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    body = conversation(client, model, history(client, mark, ("call_0", "read"), ("call_0", "read")))
    (first, result), (second, other) = pairs(upstream_body(bridge, simulator, mark, client, body))
    assert first == result == "call_0"
    assert second == other != "call_0"


HOSTED: Json = {"type": "mcp", "server_label": "s", "server_url": "https://example.com"}


READ = {client: DIALECTS[client].tool("read") for client in DIALECTS}


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
@pytest.mark.parametrize(("tools", "choice"), [
    ([HOSTED], "required"),
    ([HOSTED, READ["responses"]], {"type": "mcp", "server_label": "s"}),
    ([HOSTED], {"type": "allowed_tools", "mode": "required", "tools": [HOSTED]}),
])  # fmt: skip
def test_a_choice_of_an_omitted_tool_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, tools: list[Json], choice: Any
) -> None:
    body = DIALECTS["responses"].body(mark, model, tools=tools, tool_choice=choice)
    assert refusal_of(bridge, simulator, mark, "responses", body).startswith("tool_choice: ")


@pytest.mark.parametrize(("model", "choice"), [
    (CODEX, {"type": "function", "function": {"name": "other"}}),
    *((model, {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}})
      for model in (CODEX, SONNET, GPT)),
    (GPT, "required"),
])  # fmt: skip
def test_a_choice_of_a_tool_that_chat_lacks_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, choice: Any
) -> None:
    body = CHAT.body(mark, model, tools=[] if choice == "required" else [READ["chat"]], tool_choice=choice)
    assert refusal_of(bridge, simulator, mark, "chat", body).startswith("tool_choice: ")


def test_a_choice_among_left_out_tools_is_none(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """None of the others is meant."""
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [HOSTED]}
    body = DIALECTS["responses"].body(mark, CODEX, tools=[HOSTED, READ["responses"]], tool_choice=choice)
    assert upstream_body(bridge, simulator, mark, "responses", body)["tool_choice"] == "none"


def test_a_tool_choice_without_tools_is_dropped_with_them(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    body = DIALECTS["responses"].body(mark, GPT, tools=[HOSTED], tool_choice="auto")
    assert not upstream_body(bridge, simulator, mark, "responses", body).keys() & {"tools", "tool_choice"}


CLIENT_TOOLS = [
    ({"type": "bash_20250124", "name": "bash"}, "command"),
    ({"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}, "insert_text"),
    ({"type": "text_editor_20241022", "name": "str_replace_editor"}, "new_str"),
    ({"type": "memory_20250818", "name": "memory"}, "old_path"),
    ({"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
     "scroll_direction"),
    ({"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600,
      "enable_zoom": True}, "region"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "takes"), CLIENT_TOOLS, ids=lambda value: value["type"] if isinstance(value, dict) else ""
)
@pytest.mark.parametrize("model", [GPT, CODEX, GEMINI])
def test_client_tools_of_anthropic_are_described_to_other_models(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, tool: Json, takes: str
) -> None:
    body = MESSAGES.body(f"{mark} [[sim:tools]]", model, tools=[tool])
    response = response_to(bridge, MESSAGES, body)
    (call,) = [block for block in response["content"] if block["type"] == "tool_use"]
    assert call["name"] == tool["name"]
    sent = simulator.only(mark)["body"]
    assert takes in schema_of(sent)["properties"]
    (sent_tool,) = sent["tools"]
    assert (sent_tool.get("function") or sent_tool)["description"]
    messages = [
        *body["messages"],
        {"role": "assistant", "content": response["content"]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": f"{mark}2"}],
        },
    ]
    again = upstream_body(bridge, simulator, f"{mark}2", "messages", body | {"messages": messages})
    ((called, answered),) = pairs(again)
    assert called == answered


@pytest.mark.parametrize("kind", ["bash_20990101", "computer_toolset_20260801", "telepathy", 5])
@pytest.mark.parametrize("model", [GPT, CODEX])
def test_an_unknown_tool_is_named(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, kind: Any
) -> None:
    tools = [READ["messages"], {"type": kind, "name": "x"}]
    body = MESSAGES.body(mark, model, tools=tools)
    assert refusal_of(bridge, simulator, mark, "messages", body).startswith("tools.1")


@pytest.mark.parametrize(("client", "model"), [
    ("chat", "claude-opus-4.6-fast"), ("responses", SONNET), ("messages", GPT), ("messages", CODEX)
])  # fmt: skip
@pytest.mark.parametrize("name", ["mcp.files/read", "x" * 129])
def test_shortened_names_of_tools_are_restored(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, name: str
) -> None:
    dialect = ALL_DIALECTS[client]
    body = dialect.body(f"{mark} [[sim:tools]]", model, tools=[dialect.tool(name)])
    assert name in json.dumps(response_to(bridge, dialect, body))
    frames = dialect.frames(bridge, f"{mark} [[sim:tools]]", model, tools=[dialect.tool(name)])
    assert any(name.encode() in frame.raw for frame in frames)
    assert all(name not in json.dumps(entry["body"]["tools"]) for entry in simulator.ledger(mark))


@pytest.mark.parametrize(
    "item", [{"type": "compaction", "encrypted_content": "x"}, {"type": "compaction_trigger"}]
)
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_a_compaction_that_only_its_maker_can_read_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, item: Json
) -> None:
    body = conversation("responses", model, [item, {"role": "user", "content": mark}])
    assert refusal_of(bridge, simulator, mark, "responses", body).startswith("input.0: ")


@pytest.mark.parametrize("model", [GPT, CODEX])
def test_a_compaction_of_claudes_is_sent_to_the_model(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """It stands for what was said before."""
    messages = [
        {"role": "user", "content": "long ago"},
        {
            "role": "assistant",
            "content": [
                {"type": "compaction", "content": "We spoke of ducks."},
                {"type": "text", "text": "Yes"},
            ],
        },
        {"role": "assistant", "content": [{"type": "compaction", "content": None}]},
        {"role": "user", "content": mark},
    ]
    sent_text = json.dumps(
        upstream_body(bridge, simulator, mark, "messages", conversation("messages", model, messages))
    )
    assert "We spoke of ducks." in sent_text
    assert "long ago" not in sent_text


LOCAL = [
    ({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}, '"command'),
    ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, '"commands'),
    (
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
        "delete_file",
    ),
    ({"type": "computer_call", "call_id": "c", "action": {"type": "click", "x": 1, "y": 2}}, "click"),
    ({"type": "computer_call", "call_id": "c", "actions": [{"type": "click"}, {"type": "wait"}]}, "wait"),
]


@pytest.mark.parametrize(
    ("call", "expected"), LOCAL, ids=lambda value: value["type"] if isinstance(value, dict) else ""
)
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_calls_of_built_in_tools_are_sent_as_calls(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, call: Json, expected: str
) -> None:
    output = {"type": f"{call['type']}_output", "call_id": "c", "output": "a.txt"}
    messages = [{"role": "user", "content": mark}, call, output]
    sent = upstream_body(bridge, simulator, mark, "responses", conversation("responses", model, messages))
    assert pairs(sent) == [("c", "c")]
    assert expected.replace('"', "") in json.dumps(sent)
    assert "a.txt" in json.dumps(sent)


@pytest.mark.parametrize("output", [{}, {"output": None}, {"output": "no such line"}])
def test_a_failed_patch_is_a_failed_result(
    bridge: Bridge, simulator: Simulator, mark: str, output: Json
) -> None:
    call, _expected = LOCAL[2]
    result = {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", **output}
    messages = [{"role": "user", "content": mark}, call, result]
    sent = upstream_body(bridge, simulator, mark, "responses", conversation("responses", SONNET, messages))
    (block,) = sent["messages"][-1]["content"]
    assert block["is_error"] is True
    text = block["content"][0]["text"]
    assert text == (output.get("output") or "The tool failed and gave no output.")


@pytest.mark.parametrize("kind", ["mcp_call", "file_search_call", "code_interpreter_call", "mcp_list_tools"])
def test_calls_that_openai_ran_are_history(
    bridge: Bridge, simulator: Simulator, mark: str, kind: str
) -> None:
    messages = [
        {"role": "user", "content": mark},
        {"type": kind, "id": "x"},
        {"role": "assistant", "content": "It says so."},
    ]
    sent = upstream_body(
        bridge,
        simulator,
        mark,
        "responses",
        conversation("responses", GPT, [*messages, {"role": "user", "content": "And?"}]),
    )
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
