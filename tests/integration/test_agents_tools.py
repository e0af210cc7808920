"""The tool sets of Codex and Claude Code, as they send them, on models of another API.

Each tool is offered under a name of its own and in its place, each call comes back in the kind of its tool,
and each result goes to the call that it answers.
"""

import json
import re
from typing import Any

import pytest
from integration.harness import Bridge, Json, Simulator, initiator_of

SONNET, GEMINI, CODEX = "claude-sonnet-4.5", "gemini-3.1-pro-preview", "gpt-5.3-codex"

for_codex = pytest.mark.parametrize("model", [SONNET, GEMINI])
for_claude_code = pytest.mark.parametrize("model", [CODEX, GEMINI])
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])

GRAMMAR = 'start: "*** Begin Patch" LF hunk+ "*** End Patch"'


def schema(**fields: str) -> Json:
    properties = {name: {"type": kind} for name, kind in fields.items()}
    return {"type": "object", "properties": properties, "required": list(fields)}


def function(name: str, **fields: str) -> Json:
    parameters = schema(**fields) | {"additionalProperties": False}
    return {"type": "function", "name": name, "description": f"{name}.", "strict": False} | {
        "parameters": parameters
    }


# Codex's tools for a model of its catalogue, and what an MCP server adds.
EXEC = function("exec_command", cmd="string")
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
}
AGENTS = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Tools for sub-agents.",
    "tools": [function("spawn_agent", message="string"), function("wait", agent="string")],
}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": schema()}
WEB = {"type": "web_search", "external_web_access": False}
PLAN = function("update_plan", explanation="string")
TOOLS = [EXEC, PATCH, AGENTS, SEARCH, WEB, PLAN]
FLAT = ["exec_command", "apply_patch", "multi_agent_v1__spawn_agent", "multi_agent_v1__wait", "update_plan"]
KINDS = [
    ("function_call", None, "exec_command"),
    ("custom_tool_call", None, "apply_patch"),
    ("function_call", "multi_agent_v1", "spawn_agent"),
    ("function_call", "multi_agent_v1", "wait"),
    ("function_call", None, "update_plan"),
]


def message_item(role: str, text: str) -> Json:
    return {
        "type": "message",
        "id": f"msg_{role}",
        "role": role,
        "content": [{"type": "input_text", "text": text}],
    }


def codex_body(model: str, items: list[Json], tools: list[Json] | None, **more: Any) -> Json:
    """As Codex 0.169 sends it."""
    body = {
        "model": model,
        "store": False,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto", "context": "all_turns"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "00000000-0000-4000-8000-000000000000",
        "text": {"verbosity": "low"},
        "client_metadata": {"x-codex-installation-id": "i", "session_id": "s"},
        "input": [
            message_item("developer", "You are Codex."),
            message_item("user", "<environment_context>/</environment_context>"),
            *items,
        ],
    }
    return body | ({} if tools is None else {"tools": tools}) | more


def codex(bridge: Bridge, body: Json, stream: bool) -> list[Json]:
    """The items of the response.  Of a stream, those that are done: Codex looks at nothing else."""
    sent = json.dumps(body | {"stream": stream}).encode()
    response = bridge.request("POST", "/v1/responses", sent)
    assert response.status == 200, response.body
    if not stream:
        output: list[Json] = response.json["output"]
        return output
    stream_events = events(response.body)
    assert stream_events[-1]["type"] == "response.completed"
    done = [event["item"] for event in stream_events if event["type"] == "response.output_item.done"]
    assert done == stream_events[-1]["response"]["output"]
    return done


def events(body: bytes) -> list[Json]:
    """What the events of a stream hold, comments left out."""
    data = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line) for line in data]


def calls_of(output: list[Json]) -> list[Json]:
    return [item for item in output if "call_id" in item]


def kinds_of(calls: list[Json]) -> list[tuple[str, str | None, str]]:
    return [(call["type"], call.get("namespace"), call["name"]) for call in calls]


def result_of(call: Json, output: Any) -> Json:
    return {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": output} | {
        "id": f"fco_{call['call_id']}"
    }


def offered(body: Json) -> list[Json]:
    """[{"name", "description", "schema"}] of the tools that went upstream, in their order."""
    tools = [tool.get("function", tool) for tool in body.get("tools") or ()]
    return [
        {
            "name": tool["name"],
            "description": tool["description"],
            "schema": tool.get("parameters") or tool.get("input_schema"),
        }
        for tool in tools
    ]


def names_of(body: Json) -> list[str]:
    return [tool["name"] for tool in offered(body)]


def made(body: Json) -> list[tuple[str, str, Json]]:
    """[(id, name, arguments)] of the calls in the history that went upstream."""
    if "input" in body:
        items = [item for item in body["input"] if item["type"] == "function_call"]
        return [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in items]
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    if calls:
        functions = [(call["id"], call["function"]) for call in calls]
        return [(id_, function["name"], json.loads(function["arguments"])) for id_, function in functions]
    blocks = [block for block in blocks_of(body) if block["type"] == "tool_use"]
    return [(block["id"], block["name"], block["input"]) for block in blocks]


def given(body: Json) -> list[tuple[str, str]]:
    """[(id, text)] of the results in the history that went upstream."""
    if "input" in body:
        items = [item for item in body["input"] if item["type"] == "function_call_output"]
        return [(item["call_id"], text_of(item["output"])) for item in items]
    tools = [message for message in body["messages"] if message["role"] == "tool"]
    if tools:
        return [(message["tool_call_id"], message["content"]) for message in tools]
    blocks = [block for block in blocks_of(body) if block["type"] == "tool_result"]
    return [(block["tool_use_id"], text_of(block["content"])) for block in blocks]


def blocks_of(body: Json) -> list[Json]:
    contents = [message["content"] for message in body["messages"]]
    return [block for content in contents if isinstance(content, list) for block in content]


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if "text" in part)


@both_ways
@for_codex
def test_each_of_codexs_tools_is_called_and_answered(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    items = [message_item("user", f"[[sim:tools]] go {mark}")]
    output = codex(bridge, codex_body(model, items, TOOLS), stream)
    calls = calls_of(output)
    assert kinds_of(calls) == KINDS
    assert len({call["call_id"] for call in calls}) == len(calls)
    assert all(call["status"] == "completed" for call in calls)
    spawned = json.loads(calls[2]["arguments"])
    assert spawned.keys() == {"message"}
    assert "{" not in calls[1]["input"], "free text, without the JSON that it travelled in"
    [first] = [entry for entry in simulator.ledger(mark) if entry["path"] != "/responses"]
    assert names_of(first["body"]) == [*FLAT, "web_search"]
    results = [result_of(call, f"result of {call['name']}") for call in reversed(calls)]
    codex(bridge, codex_body(model, [*items, *output, *results], TOOLS), stream)
    entries = [entry for entry in simulator.ledger(mark) if entry["path"] != "/responses"]
    assert [initiator_of(entry) for entry in entries] == ["user", "agent"]
    body = entries[1]["body"]
    assert names_of(body) == [*FLAT, "web_search"]
    arguments = [json.loads(call.get("arguments", "{}")) for call in calls]
    arguments[1] = {"input": calls[1]["input"]}
    ids = [call["call_id"] for call in calls]
    assert made(body) == list(zip(ids, FLAT, arguments, strict=True))
    expected = [f"result of {name}" for _kind, _namespace, name in KINDS]
    assert given(body) == list(zip(ids, expected, strict=True))[::-1]


@for_codex
def test_codexs_tools_keep_their_descriptions_and_schemas(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    codex(bridge, codex_body(model, [message_item("user", mark)], TOOLS), False)
    run, patch, spawn, _wait, plan, _search = offered(simulator.only(mark)["body"])
    assert (run["description"], run["schema"]) == ("exec_command.", EXEC["parameters"])
    assert plan["schema"] == PLAN["parameters"]
    assert AGENTS["description"] in spawn["description"]
    assert spawn["schema"] == AGENTS["tools"][0]["parameters"]
    assert patch["schema"]["properties"] == {"input": {"type": "string"}}
    assert "Edits files." in patch["description"]
    assert GRAMMAR in patch["description"]


@for_codex
def test_free_text_goes_through_as_it_is(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    """Quotes, backslashes and line ends are inside JSON on the way, and nowhere else."""
    patch = '*** Begin Patch\n+"a\\n" \\u0041 {"input": 1} é 😀\n*** End Patch\n'
    call = {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": patch}
    items = [message_item("user", mark), call | {"status": "completed"}, result_of(call, "Done.")]
    codex(bridge, codex_body(model, items, TOOLS), False)
    body = simulator.only(mark)["body"]
    assert made(body) == [("call_1", "apply_patch", {"input": patch})]
    assert given(body) == [("call_1", "Done.")]


@for_codex
def test_free_text_is_streamed_with_its_end(bridge: Bridge, model: str) -> None:
    """One delta is enough, as long as it is there, with the end of the input and of the item after it."""
    body = codex_body(model, [message_item("user", "apply_patch please")], [PATCH], stream=True)
    stream_events = events(bridge.request("POST", "/v1/responses", body).body)
    kinds = [event["type"] for event in stream_events]
    start = kinds.index("response.custom_tool_call_input.delta")
    assert kinds[start : start + 3] == [
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
    ]
    delta, done, item = stream_events[start : start + 3]
    assert delta["delta"] == done["input"] == item["item"]["input"]
    assert "{" not in done["input"], "free text, without the JSON that it travelled in"
    assert {delta["item_id"], done["item_id"], item["item"]["id"]} == {delta["item_id"]}
    assert not [kind for kind in kinds if "function_call_arguments" in kind]


@pytest.mark.parametrize("name", ["apply_patch", "exec_command"])
@for_codex
def test_a_tool_that_codex_demands_is_called(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, name: str
) -> None:
    kind = "custom" if name == "apply_patch" else "function"
    body = codex_body(model, [message_item("user", mark)], TOOLS, tool_choice={"type": kind, "name": name})
    (call,) = calls_of(codex(bridge, body, False))
    assert (call["type"].removesuffix("_tool_call").removesuffix("_call"), call["name"]) == (kind, name)


@both_ways
@for_codex
def test_codexs_newest_form_has_its_tools_among_the_items(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """No `tools` at all; namespaces of which each has a tool called `wait`."""
    functions = {
        "type": "namespace",
        "name": "functions",
        "tools": [
            {"type": "custom", "name": "exec", "description": "Runs."},
            function("wait", cell="string"),
        ],
    }
    added = {"type": "additional_tools", "role": "developer", "tools": [functions, AGENTS]}
    items = [message_item("user", f"[[sim:tools]] go {mark}")]

    def body(items: list[Json]) -> Json:
        whole = codex_body(model, items, None, parallel_tool_calls=True)
        return whole | {"input": [added, *whole["input"]]}

    output = codex(bridge, body(items), stream)
    calls = calls_of(output)
    assert kinds_of(calls) == [
        ("custom_tool_call", "functions", "exec"),
        ("function_call", "functions", "wait"),
        ("function_call", "multi_agent_v1", "spawn_agent"),
        ("function_call", "multi_agent_v1", "wait"),
    ]
    results = [result_of(call, f"result {index}") for index, call in enumerate(calls)]
    codex(bridge, body([*items, *output, *results]), stream)
    first, second = [entry["body"] for entry in simulator.ledger(mark)]
    names = ["functions__exec", "functions__wait", "multi_agent_v1__spawn_agent", "multi_agent_v1__wait"]
    assert names_of(first) == names_of(second) == names
    assert [(id_, name) for id_, name, _arguments in made(second)] == [
        (call["call_id"], name) for call, name in zip(calls, names, strict=True)
    ]
    assert given(second) == [(call["call_id"], f"result {index}") for index, call in enumerate(calls)]
    assert "additional_tools" not in json.dumps(first)


def test_without_parallel_calls_there_is_one_at_a_time(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    """The newest form asks for that."""
    for model in (SONNET, GEMINI):
        items = [message_item("user", f"exec_command and update_plan {mark}")]
        output = codex(bridge, codex_body(model, items, TOOLS, parallel_tool_calls=False), False)
        assert [call["name"] for call in calls_of(output)] == ["exec_command"]


@for_codex
def test_deferred_tools_are_offered_at_once(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """No other API can look for tools later."""
    lists = function("list_orders", customer="string") | {"defer_loading": True}
    crm = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [lists]}
    later = function("later", what="string") | {"defer_loading": True}
    output = codex(
        bridge,
        codex_body(model, [message_item("user", f"crm__list_orders {mark}")], [EXEC, crm, later, SEARCH]),
        False,
    )
    body = simulator.only(mark)["body"]
    assert names_of(body) == ["exec_command", "crm__list_orders", "later"]
    assert "defer_loading" not in json.dumps(body)
    assert kinds_of(calls_of(output)) == [("function_call", "crm", "list_orders")]


@for_codex
def test_tools_that_another_model_found_are_offered_once(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """They are there from then on, once, even if they were announced before."""
    lists = function("list_orders", customer="string")
    found = [{"type": "namespace", "name": "crm", "tools": [lists, function("ship", order="string")]}]
    deferred = {"type": "namespace", "name": "crm", "tools": [lists | {"defer_loading": True}]}
    items = [
        message_item("user", "What did she order?"),
        {"type": "tool_search_call", "call_id": "call_0", "execution": "client", "arguments": {}},
        {"type": "tool_search_output", "call_id": "call_0", "execution": "client", "tools": found},
        message_item("user", f"crm__ship it {mark}"),
    ]
    output = codex(bridge, codex_body(model, items, [EXEC, deferred, SEARCH]), False)
    assert kinds_of(calls_of(output)) == [("function_call", "crm", "ship")]
    assert names_of(simulator.only(mark)["body"]) == ["exec_command", "crm__list_orders", "crm__ship"]


@for_codex
def test_names_that_other_apis_do_not_allow(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """Too long, or with a dot: they come back as they were, and mean the same tool in each request."""
    stem = "search_documents_by_text_and_metadata"
    inner = [function(stem, query="string"), function(f"{stem}_too", query="string")]
    tools = [
        {"type": "namespace", "name": "mcp__knowledge_base_of_the_company", "tools": inner},
        {"type": "namespace", "name": "mcp.kb", "tools": [function("search", query="string")]},
    ]
    items = [message_item("user", f"[[sim:tools]] {mark}")]
    output = codex(bridge, codex_body(model, items, tools), False)
    calls = calls_of(output)
    assert kinds_of(calls) == [
        ("function_call", "mcp__knowledge_base_of_the_company", stem),
        ("function_call", "mcp__knowledge_base_of_the_company", f"{stem}_too"),
        ("function_call", "mcp.kb", "search"),
    ]
    results = [result_of(call, "found") for call in calls]
    codex(bridge, codex_body(model, [*items, *output, *results], tools), False)
    first, second = [entry["body"] for entry in simulator.ledger(mark)]
    names = names_of(first)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len(set(names)) == 3
    assert [name for _id, name, _arguments in made(second)] == names_of(second) == names


@for_codex
def test_nothing_private_of_another_model_is_sent_on(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """Ids, statuses, fields of Codex's own, searches, thoughts of others: nothing of it is in the way."""
    call = {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "call_1"} | {
        "name": "spawn_agent",
        "namespace": "multi_agent_v1",
        "arguments": '{"message":"go"}',
        "internal_chat_message_metadata_passthrough": {"turn_id": "t"},
    }
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": None,
        "encrypted_content": "gAAAA",
    }
    search = {"type": "tool_search_call", "call_id": "call_0", "execution": "client", "arguments": {}}
    found = {"type": "tool_search_output", "call_id": "call_0", "execution": "client", "tools": []}
    items = [
        message_item("user", f"one {mark}"),
        thought,
        search,
        found,
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        call,
        result_of(call, [{"type": "input_text", "text": "first"}, {"type": "input_text", "text": "second"}]),
        {"type": "item_reference", "id": "rs_2"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
        message_item("user", "three"),
    ]
    assert "three" in json.dumps(codex(bridge, codex_body(model, items, TOOLS), False))
    entry = simulator.only(mark)
    assert made(entry["body"]) == [("call_1", "multi_agent_v1__spawn_agent", {"message": "go"})]
    assert given(entry["body"]) == [("call_1", "first\nsecond")]
    assert initiator_of(entry) == "user"
    texts = [text_of(message["content"] or "") for message in entry["body"]["messages"]]
    places = [next(n for n, text in enumerate(texts) if word in text) for word in ("one", "two", "three")]
    assert places == sorted(set(places))


def test_codexs_tools_on_a_model_of_responses_stay_what_they_are(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    codex(bridge, codex_body(CODEX, [message_item("user", mark)], TOOLS), False)
    body = simulator.only(mark)["body"]
    assert body["tools"] == TOOLS
    assert body["prompt_cache_key"] == "00000000-0000-4000-8000-000000000000"


# Claude Code's tools: some are announced by their name alone, and come when they have been looked for.
def claude_tool(name: str, **fields: str) -> Json:
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {"name": name, "description": f"{name}.", "input_schema": draft | schema(**fields)}


BASH = claude_tool("Bash", command="string")
READ = claude_tool("Read", file_path="string")
FIND = claude_tool("ToolSearch", query="string")
PLACEHOLDER = claude_tool("DeferredToolPlaceholder") | {"defer_loading": True}
FETCH = claude_tool("WebFetch", url="string") | {"defer_loading": True}
MCP = claude_tool("mcp__github__list_issues", repo="string") | {"defer_loading": True}
EPHEMERAL = {"cache_control": {"type": "ephemeral"}}
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20"
)


def claude_body(model: str, messages: list[Json], tools: list[Json], **more: Any) -> Json:
    """As Claude Code 2.1 sends it."""
    return {
        "model": model,
        "max_tokens": 32_000,
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cc_entrypoint=sdk-cli;"},
            {"type": "text", "text": "You are a Claude agent.", **EPHEMERAL},
        ],
        "tools": tools,
        "messages": messages,
    } | more


def claude_code(bridge: Bridge, body: Json, stream: bool = False) -> list[Json]:
    """The blocks of the response."""
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": BETAS}
    response = bridge.request("POST", "/v1/messages?beta=true", body | {"stream": stream}, headers)
    assert response.status == 200, response.body
    if not stream:
        content: list[Json] = response.json["content"]
        return content
    blocks: list[Json] = []
    for event in events(response.body):
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"] | {"json": "", "text": ""})
        delta = event.get("delta", {})
        for field, name in (("text", "text"), ("json", "partial_json"), ("signature", "signature")):
            if name in delta:
                blocks[-1][field] = blocks[-1].get(field, "") + delta[name]
        if event["type"] == "content_block_stop" and blocks[-1]["type"] == "tool_use":
            blocks[-1]["input"] = json.loads(blocks[-1]["json"] or "{}")
    return blocks


def asked(text: str) -> list[Json]:
    """A turn of Claude Code's: reminders, what was typed, and the environment as the system's words."""
    reminder = {"type": "text", "text": "<system-reminder>Today.</system-reminder>"}
    typed = [reminder, {"type": "text", "text": text, **EPHEMERAL}]
    around = {"role": "system", "content": [{"type": "text", "text": "# Environment", **EPHEMERAL}]}
    return [{"role": "user", "content": typed}, around | {"output_config": {"effort": "medium"}}]


def replied(blocks: list[Json]) -> Json:
    fields = {
        "text": ("type", "text"),
        "thinking": ("type", "thinking", "signature"),
        "tool_use": ("type", "id", "name", "input"),
    }
    content = [{name: block.get(name, "") for name in fields[block["type"]]} for block in blocks]
    return {"role": "assistant", "content": content}


@both_ways
@for_claude_code
def test_claude_codes_tools_are_called_and_answered(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """In the order in which they finished; a text that nobody has typed begins no turn."""
    tools = [
        BASH,
        READ,
        MCP,
        claude_tool("Edit", path="string") | {"eager_input_streaming": True, **EPHEMERAL},
    ]
    messages = asked(f"[[sim:tools]] go {mark}")
    blocks = claude_code(bridge, claude_body(model, messages, tools), stream)
    calls = [block for block in blocks if block["type"] == "tool_use"]
    names = ["Bash", "Read", "mcp__github__list_issues", "Edit"]
    assert [call["name"] for call in calls] == names
    order = [calls[2], calls[0], calls[3], calls[1]]
    results: list[Json] = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": f"result of {call['name']}"}
        for call in order
    ]
    results[0] |= {"is_error": True, **EPHEMERAL}
    results[1]["content"] = [{"type": "text", "text": "result of Bash"}]
    reminder = {"type": "text", "text": "<system-reminder>Mind the list.</system-reminder>"}
    messages += [replied(blocks), {"role": "user", "content": [*results, reminder]}]
    claude_code(bridge, claude_body(model, messages, tools), stream)
    entries = simulator.ledger(mark)
    assert [initiator_of(entry) for entry in entries] == ["user", "agent"]
    for entry in entries:
        assert names_of(entry["body"]) == names
        assert not {"$schema", "defer_loading", "eager_input_streaming"} & set(words_of(entry["body"]))
    body = entries[1]["body"]
    assert made(body) == [(call["id"], call["name"], call["input"]) for call in calls]
    given_results = given(body)
    assert [id_ for id_, _text in given_results] == [call["id"] for call in order]
    assert "Error" in given_results[0][1]
    assert [text for _id, text in given_results][1:] == [f"result of {call['name']}" for call in order[1:]]


@both_ways
@for_claude_code
def test_names_that_only_claude_allows(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """Names of MCP servers' tools come back as they were, and mean the same tool in each request."""
    stem = "mcp__knowledge_base_of_the_whole_company__search_documents_by_metadata"
    tools = [BASH, claude_tool(stem, query="string"), claude_tool(f"{stem}_too", query="string")]
    choice = {"tool_choice": {"type": "tool", "name": f"{stem}_too"}}
    messages = asked(f"[[sim:tools]] go {mark}")
    blocks = claude_code(bridge, claude_body(model, messages, tools), stream)
    calls = [block for block in blocks if block["type"] == "tool_use"]
    assert [call["name"] for call in calls] == ["Bash", stem, f"{stem}_too"]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "found"} for call in calls]
    messages += [replied(blocks), {"role": "user", "content": results}]
    claude_code(bridge, claude_body(model, messages, tools, **choice), stream)
    first, second = [entry["body"] for entry in simulator.ledger(mark)]
    names = names_of(first)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len(set(names)) == 3
    assert [name for _id, name, _input in made(second)] == names_of(second) == names
    assert names[-1] in json.dumps(second["tool_choice"])


def words_of(value: Any) -> list[str]:
    """The keys, at any depth."""
    if isinstance(value, dict):
        return [*value, *(word for inner in value.values() for word in words_of(inner))]
    return [word for inner in value for word in words_of(inner)] if isinstance(value, list) else []


@for_claude_code
def test_claude_codes_system_messages_keep_their_positions(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    messages = [*asked(f"one {mark}"), {"role": "assistant", "content": "two"}, *asked("three")]
    claude_code(bridge, claude_body(model, messages, [BASH]))
    body = simulator.only(mark)["body"]
    if model == CODEX:
        roles_and_texts = [("system", body["instructions"])]
        roles_and_texts += [(item["role"], text_of(item["content"])) for item in body["input"]]
        roles_and_texts = [
            ("system" if role == "developer" else role, text) for role, text in roles_and_texts
        ]
    else:
        roles_and_texts = [(message["role"], text_of(message["content"])) for message in body["messages"]]
    assert [role for role, _text in roles_and_texts] == [
        "system",
        "user",
        "system",
        "assistant",
        "user",
        "system",
    ]
    words = ("You are a Claude agent.", f"one {mark}", "# Environment", "two", "three", "# Environment")
    assert all(word in text for word, (_role, text) in zip(words, roles_and_texts, strict=True))
    assert "billing" not in roles_and_texts[0][1]


@both_ways
@for_claude_code
def test_a_tool_that_was_searched_for_is_offered_from_then_on(
    by_http: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """The found tools are offered from then on, after the others; a text says so."""
    messages = asked(f"ToolSearch {mark}")
    first = claude_code(by_http, claude_body(model, messages, [BASH, FIND, PLACEHOLDER]), stream)
    (search,) = [block for block in first if block["type"] == "tool_use"]
    assert search["name"] == "ToolSearch"
    found = [{"type": "tool_reference", "tool_name": name} for name in ("WebFetch", MCP["name"])]
    loaded: list[Json] = [
        {"type": "tool_result", "tool_use_id": search["id"], "content": found},
        {"type": "text", "text": "Tool loaded."},
    ]
    messages += [replied(first), {"role": "user", "content": loaded}]
    more = [BASH, FIND, PLACEHOLDER, FETCH, MCP]
    claude_code(by_http, claude_body(model, messages, more), stream)
    messages += [{"role": "assistant", "content": "Found."}, *asked(f"WebFetch now {mark}")]
    third = claude_code(by_http, claude_body(model, messages, more), stream)
    (fetch,) = [block for block in third if block["type"] == "tool_use"]
    assert fetch["name"] == "WebFetch"
    messages += [
        replied(third),
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": fetch["id"], "content": "a page"}],
        },
    ]
    claude_code(by_http, claude_body(model, messages, more), stream)
    entries = simulator.ledger(mark)
    assert [initiator_of(entry) for entry in entries] == ["user", "agent", "user", "agent"]
    bodies = [entry["body"] for entry in entries]
    assert names_of(bodies[0]) == ["Bash", "ToolSearch", "DeferredToolPlaceholder"]
    for body in bodies[1:]:
        assert names_of(body) == [*names_of(bodies[0]), "WebFetch", "mcp__github__list_issues"]
    ((id_, text),) = given(bodies[1])
    assert id_ == search["id"]
    assert text.index("WebFetch") < text.index("mcp__github__list_issues")
    last = bodies[-1]
    assert [(id_, name) for id_, name, _input in made(last)] == [
        (search["id"], "ToolSearch"),
        (fetch["id"], "WebFetch"),
    ]
    assert given(last) == [(search["id"], text), (fetch["id"], "a page")]


@pytest.mark.parametrize("model", [SONNET, CODEX, GEMINI])
def test_a_tool_that_a_server_would_run(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    """Claude Code looks into the web by a request of its own; the model need not."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    body = claude_body(model, asked(f"Look {mark}"), [search], tool_choice={"type": "auto"})
    blocks = claude_code(bridge, body)
    assert "Look" in "".join(block.get("text", "") for block in blocks)
    [tool] = simulator.only(mark)["body"]["tools"]
    assert "web_search" in json.dumps(tool)
    assert "web_search_20250305" not in json.dumps(tool)


@for_claude_code
def test_a_finished_server_tool_call_is_not_sent_as_a_call(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    content = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "text", "text": "It says so."},
    ]
    messages = [*asked(mark), {"role": "assistant", "content": content}, *asked("And now?")]
    claude_code(bridge, claude_body(model, messages, [BASH]))
    body = simulator.only(mark)["body"]
    assert (made(body), given(body)) == ([], [])
    assert "It says so." in json.dumps(body)


def test_deferred_tools_on_claude_stay_what_they_are(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    tools = [BASH, FIND, FETCH]
    use = {"type": "tool_use", "id": "toolu_1", "name": "ToolSearch", "input": {"query": "x"}}
    found = [{"type": "tool_reference", "tool_name": "WebFetch"}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": found}
    messages = [
        *asked(mark)[:1],
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    claude_code(bridge, claude_body("claude-opus-4.6", messages, tools))
    entry = simulator.only(mark)
    assert entry["body"]["tools"] == tools
    assert entry["body"]["messages"] == messages
    assert "advanced-tool-use-2025-11-20" in entry["headers"]["anthropic-beta"]
    assert initiator_of(entry) == "agent"
