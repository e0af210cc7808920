"""Requests are adapted to the target: a setting is sent, enforced by the bridge, or refused by its field."""

import base64
import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from integration.dialects import ALL_DIALECTS, CHAT, DIALECTS, MESSAGES, Dialect
from integration.harness import Bridge, Json, ReceivedStream, Simulator
from PIL import Image

GPT, CODEX, MINI, SONNET = "gpt-4.1", "gpt-5.3-codex", "gpt-5-mini", "claude-sonnet-4.5"
GEMINI = "gemini-3.1-pro-preview"
STOPS = {"chat": "stop", "messages": "stop_sequences"}
# Client dialect, model, and the number of stop sequences that the model is sent.
ENFORCED = [
    ("messages", CODEX, 0),
    ("chat", CODEX, 0),
    ("chat", MINI, 0),
    ("messages", GPT, 4),
    ("chat", GPT, 4),
]
SIX = ["END", "S2", "S3", "S4", "S5", "LAST"]


def say(text: str, mark: str, *, how: str = "") -> str:
    return f"{how}{mark} [[sim:say]] {text}"


def whole(bridge: Bridge, dialect: Dialect, body: Json) -> Json:
    answer = dialect.post(bridge, body)
    assert answer.status == 200, answer.body
    reply: Json = answer.json
    return reply


def ending(dialect: Dialect, reply: Json) -> tuple[Any, ...]:
    """Why a whole answer ended, and by which stop sequence where the dialect has it."""
    if dialect is CHAT:
        return (reply["choices"][0]["finish_reason"],)
    return reply["stop_reason"], reply["stop_sequence"]


def streamed(
    bridge: Bridge, dialect: Dialect, prompt: str, model: str, **more: Any
) -> tuple[str, tuple[Any, ...]]:
    frames = dialect.frames(bridge, prompt, model, **more)
    text = dialect.well_ended(frames)
    if dialect is CHAT:
        return text, (ReceivedStream(frames).finish_reason,)
    delta = MESSAGES.events(frames)[-2]["delta"]
    return text, (delta["stop_reason"], delta["stop_sequence"])


STOPPED = {"chat": lambda _stop: ("stop",), "messages": lambda stop: ("stop_sequence", stop)}


# Upstream's stream byte by byte costs a hundred times as much: each text once, and each client and model.
BYTES = "[[sim:bytewise]]"
EMOJI = "a 🙂🙃 b"


@pytest.mark.parametrize((
    "client", "model", "max_stops", "text", "stops", "kept_text", "stopped_by", "cut",
), [
    (client, model, max_stops, text, stops, kept_text, stopped_by, cut)
    for client, model, max_stops in ENFORCED
    for text, stops, kept_text, stopped_by in (
        ("one END two", ["END"], "one ", "END"),
        ("one LAST two END", SIX, "one ", "LAST"),
        (EMOJI, ["🙃"], "a 🙂", "🙃"),
        ("one ENDING two", ["ENDING", "END"], "one ", "END"),
        ("one two EN", ["END"], "one two EN", None),
    )
    if max_stops < len(stops)
    for cut in ("", *([BYTES] if model == GPT or text == EMOJI or (client, model) == ("chat", MINI) else []))
])  # fmt: skip
def test_a_stop_sequence_that_the_target_does_not_take_ends_the_answer(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, max_stops: int, text: str,
    stops: list[str], kept_text: str, stopped_by: str | None, cut: str,
) -> None:  # fmt: skip
    dialect = DIALECTS[client]
    expected = (
        STOPPED[client](stopped_by)
        if stopped_by
        else {"chat": ("stop",), "messages": ("end_turn", None)}[client]
    )
    more = {STOPS[client]: stops}
    assert streamed(bridge, dialect, say(text, mark, how=cut), model, **more) == (kept_text, expected)
    reply = whole(bridge, dialect, dialect.body(say(text, f"{mark}2", how=cut), model, **more))
    assert (dialect.text(reply), ending(dialect, reply)) == (kept_text, expected)
    for entry in simulator.ledger(mark):
        assert entry["body"].get("stop", []) == stops[:max_stops]
        assert "stop_sequences" not in entry["body"]


# It would go on for minutes, or be more than a connection holds.
SLOW, BIG = "[[sim:flood events=6000 size=40 gap=10]]", "[[sim:flood events=1500 size=8000]]"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "model", "stops", "flood"), [
    ("messages", CODEX, ["fox"], BIG), ("messages", GPT, [*SIX, "fox"], SLOW),
    ("chat", GPT, [*SIX, "fox"], SLOW), ("chat", MINI, ["fox"], SLOW),
])  # fmt: skip
def test_upstream_is_stopped_at_once(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, stops: list[str], flood: str,
    stream: bool,
) -> None:  # fmt: skip
    dialect = DIALECTS[client]
    text = bridge_text(bridge, dialect, f"{mark} {flood}", model, stream, **{STOPS[client]: stops})
    assert text
    assert "fox" not in text
    assert simulator.ended(mark)["outcome"] == "client-gone"


def bridge_text(
    bridge: Bridge, dialect: Dialect, messages: str, model: str, stream: bool, **more: Any
) -> str:
    if stream:
        return streamed(bridge, dialect, messages, model, **more)[0]
    return dialect.text(whole(bridge, dialect, dialect.body(messages, model, **more)))


# What is asked of the target: (client, model) -> the body that upstream gets.

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: Json = {"type": "object", "properties": {}}
LONG = "toolu_" + "x" * 80


def asked(bridge: Bridge, simulator: Simulator, mark: str, client: str, body: Json) -> Json:
    whole(bridge, ALL_DIALECTS[client], body)
    sent: Json = simulator.only(mark)["body"]
    return sent


def refused(bridge: Bridge, simulator: Simulator, mark: str, client: str, body: Json) -> str:
    """The message, after a look at its form; upstream hears nothing of it."""
    for stream in (False, True):
        answer = DIALECTS[client].post(bridge, body | {"stream": stream})
        assert answer.status == 400
        error = DIALECTS[client].error(answer)
        assert error["type"] == "invalid_request_error"
    assert simulator.ledger(mark) == []
    return str(error["message"])


def history(client: str, mark: str, *rounds: tuple[str, str]) -> list[Json]:
    """A person's words, and a call with its result for each (id, name)."""
    messages: list[Json] = [{"role": "user", "content": mark}]
    for id_, name in rounds:
        messages += CALLED[client](id_, name)
    return messages


CALLED = {
    "chat": lambda id_, name: [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": id_, "content": "done"},
    ],
    "messages": lambda id_, name: [
        {"role": "assistant", "content": [{"type": "tool_use", "id": id_, "name": name, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_, "content": "done"}]},
    ],
    "responses": lambda id_, name: [
        {"type": "function_call", "call_id": id_, "name": name, "arguments": "{}"},
        {"type": "function_call_output", "call_id": id_, "output": "done"},
    ],
}


def conversation(client: str, model: str, messages: list[Json], **more: Any) -> Json:
    body = DIALECTS[client].body("", model, **more)
    return body | {"input" if client == "responses" else "messages": messages}


def pairs(body: Json) -> list[tuple[str, str]]:
    """(id of a call, id of a result) in their order, in whichever dialect."""
    text = json.dumps(body)
    found = [
        (match["id"], "call" if match["kind"] in CALL_KINDS else "result")
        for match in walk(json.loads(text))
        if match["kind"]
    ]
    calls = [id_ for id_, kind in found if kind == "call"]
    return list(zip(calls, [id_ for id_, kind in found if kind == "result"], strict=True))


CALL_KINDS = ("tool_use", "function", "function_call")
IDS = {
    "tool_use": "id", "tool_result": "tool_use_id", "function": "id", "function_call": "call_id",
    "function_call_output": "call_id",
}  # fmt: skip


def walk(value: Any) -> list[Json]:
    """Each call and result in it."""
    if isinstance(value, list):
        return [found for entry in value for found in walk(entry)]
    if not isinstance(value, dict):
        return []
    if value.get("role") == "tool":
        return [{"kind": "result", "id": value["tool_call_id"]}]
    kind = value.get("type")
    if kind in IDS and IDS[kind] in value:
        return [{"kind": kind, "id": value[IDS[kind]]}]
    return [found for entry in value.values() for found in walk(entry)]


WAYS = [(client, model) for client in DIALECTS for model in (GPT, CODEX, SONNET)]
ALL_WAYS = [(client, model) for client in ALL_DIALECTS for model in (GPT, CODEX, SONNET)]


@pytest.mark.parametrize("id_", [LONG, "functions.Bash:0", "call/+ü=="])
@pytest.mark.parametrize(("client", "model"), WAYS)
def test_ids_of_another_provider(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, id_: str
) -> None:
    body = conversation(client, model, history(client, mark, (id_, "read"), ("toolu_fine", "read")))
    (call, result), fine = pairs(asked(bridge, simulator, mark, client, body))
    assert call == result != id_
    assert set(call) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert len(call) <= (40 if (model, client) == (GPT, "chat") else 64)
    assert fine == ("toolu_fine", "toolu_fine")
    again = conversation(client, model, history(client, f"{mark}2", (id_, "read"), (f"{id_}x", "read")))
    (same, _), (other, _) = pairs(asked(bridge, simulator, f"{mark}2", client, again))
    assert same == call != other


@pytest.mark.parametrize(("client", "model"), WAYS)
def test_one_id_for_two_calls(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    body = conversation(client, model, history(client, mark, ("call_0", "read"), ("call_0", "read")))
    (first, result), (second, other) = pairs(asked(bridge, simulator, mark, client, body))
    assert first == result == "call_0"
    assert second == other != "call_0"


def schema_of(body: Json) -> Json:
    """Of the only tool's arguments."""
    (tool,) = body["tools"]
    schema: Json = (tool.get("function") or tool).get("parameters") or tool.get("input_schema")
    return schema


def with_schema(client: str, name: str, schema: Json) -> Json:
    tool = ALL_DIALECTS[client].tool(name)
    if client in ("chat", "ollama"):
        tool["function"]["parameters"] = schema
    elif client == "gemini":
        tool["functionDeclarations"] = [{"name": name, "parametersJsonSchema": schema}]
    else:
        tool["input_schema" if client == "messages" else "parameters"] = schema
    return tool


UNION: Json = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "c": {"type": "string"}},
            "required": ["a", "c"],
        },
        {"$ref": "#/$defs/other"},
    ],
    "$defs": {"other": {"type": "object", "properties": {"c": {"type": "string"}}, "required": ["c"]}},
}


@pytest.mark.parametrize(("client", "model"), ALL_WAYS)
@pytest.mark.parametrize(("given", "expected"), [
    ({"type": "object"}, {"type": "object"}),
    ({"properties": {}}, {"type": "object"}),
    ({"type": ["object", "null"], "properties": None, "required": None}, {"type": "object"}),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"q": {"type": "string"}}}}},
     {"type": "object", "properties": {"q": {"type": "string"}}}),
    (UNION, {"type": "object", "required": ["c"]}),
    ({"type": "object", "properties": [], "required": []}, {"properties": {}}),
])  # fmt: skip
def test_schemas_of_tools(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, given: Json, expected: Json
) -> None:
    body = ALL_DIALECTS[client].body(mark, model, tools=[with_schema(client, "f", given)])
    schema = schema_of(asked(bridge, simulator, mark, client, body))
    assert expected.items() <= schema.items()
    assert None not in schema.values()
    assert not schema.keys() & {"anyOf", "$ref"}
    if model != SONNET or client == "chat":
        assert isinstance(schema["properties"], dict)
    if given is UNION:
        assert schema["properties"].keys() == {"a", "c"}
        assert '"required":["a","c"]' in schema["description"]


FORM: Json = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many"},
        "s": {"type": "string", "maxLength": 5},
        "o": {"type": ["object", "null"], "properties": {"x": {"type": "string", "pattern": "^a"}}},
    },
    "required": ["n"],
}


def answering(client: str, schema: Json) -> Json:
    named = {"type": "json_schema", "name": "f", "schema": schema}
    forms: dict[str, Json] = {
        "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        "responses": {"text": {"format": named}},
        "gemini": {
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
        },
        "ollama": {"format": schema},
    }
    return forms[client]


@pytest.mark.parametrize("client", ALL_DIALECTS)
def test_an_output_format_is_sent_as_claude_takes_it(
    bridge: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    body = ALL_DIALECTS[client].body(mark, "claude-opus-4.6", **answering(client, FORM))
    sent = asked(bridge, simulator, mark, client, body)
    format_ = sent["response_format"]["json_schema"] if client == "chat" else sent["output_config"]["format"]
    schema = format_["schema"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["n"]
    format_ = schema["properties"]
    assert format_["n"] == {"type": "integer", "description": "How many\n\n{minimum: 1, maximum: 9}"}
    assert format_["s"] == {"type": "string", "description": "{maxLength: 5}"}
    inner, nothing = format_["o"]["anyOf"]
    assert (inner["additionalProperties"], nothing) == (False, {"type": "null"})
    assert inner["properties"]["x"] == {"type": "string", "description": '{pattern: "^a"}'}


FORMS: list[tuple[Json, Json]] = [
    ({"oneOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
     {"anyOf": [{"type": "string", "description": "{minLength: 2}"}, {"type": "null"}]}),
    ({"type": "array", "items": {"type": "number", "multipleOf": 2}, "minItems": 3, "uniqueItems": True},
     {"type": "array", "items": {"type": "number", "description": "{multipleOf: 2}"},
      "description": "{minItems: 3, uniqueItems: true}"}),
    ({"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "properties": {"q": {}}, "maxProperties": 4}}},
     {"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "properties": {"q": {}},
      "additionalProperties": False, "description": "{maxProperties: 4}"}}}),
]  # fmt: skip


@pytest.mark.parametrize("name", ["output_config", "output_format"])
@pytest.mark.parametrize(("given", "expected"), FORMS)
def test_an_output_format_that_is_passed_on(
    bridge: Bridge, simulator: Simulator, mark: str, name: str, given: Json, expected: Json
) -> None:
    """Under either of its names; upstream refuses it as it came, and hears of it once."""
    form = answering("messages", {"type": "object", "properties": {"a": given}})
    if name == "output_format":
        form = {name: form["output_config"]["format"]}
    sent = asked(bridge, simulator, mark, "messages", MESSAGES.body(mark, "claude-opus-4.6", **form))
    assert "output_format" not in sent
    format_ = sent["output_config"]["format"]
    assert format_["type"] == "json_schema"
    assert format_["schema"]["additionalProperties"] is False
    assert format_["schema"]["properties"]["a"] == expected


@pytest.mark.parametrize(("schema", "strict"), [
    ({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, True),
    ({"type": "object", "properties": {"s": {"type": "string", "minLength": 2}}, "required": ["s"]}, True),
    ({"type": "object", "properties": {"n": {"type": "integer"}}}, None),
    ({"type": "object", "additionalProperties": {"type": "string"}}, None),
])  # fmt: skip
@pytest.mark.parametrize("model", [GPT, CODEX])
def test_an_output_format_is_strict_where_openai_can_be(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, schema: Json, strict: bool | None
) -> None:
    sent = asked(
        bridge, simulator, mark, "messages", MESSAGES.body(mark, model, **answering("messages", schema))
    )
    format_ = sent["response_format"]["json_schema"] if model == GPT else sent["text"]["format"]
    assert format_.get("strict") is strict
    if strict:
        assert format_["schema"]["additionalProperties"] is False
        assert format_["schema"]["required"] == [*format_["schema"]["properties"]]
    else:
        assert format_["schema"] == schema


HOSTED: Json = {"type": "mcp", "server_label": "s", "server_url": "https://example.com"}
READ = {client: DIALECTS[client].tool("read") for client in DIALECTS}


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
@pytest.mark.parametrize(("tools", "choice"), [
    ([HOSTED], "required"),
    ([HOSTED, READ["responses"]], {"type": "mcp", "server_label": "s"}),
    ([HOSTED], {"type": "allowed_tools", "mode": "required", "tools": [HOSTED]}),
])  # fmt: skip
def test_a_choice_of_a_tool_that_is_left_out(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, tools: list[Json], choice: Any
) -> None:
    body = DIALECTS["responses"].body(mark, model, tools=tools, tool_choice=choice)
    assert refused(bridge, simulator, mark, "responses", body).startswith("tool_choice: ")


@pytest.mark.parametrize(("model", "choice"), [
    (CODEX, {"type": "function", "function": {"name": "other"}}),
    *((model, {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}})
      for model in (CODEX, SONNET, GPT)),
    (GPT, "required"),
])  # fmt: skip
def test_a_choice_of_a_tool_that_chat_does_not_offer(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, choice: Any
) -> None:
    body = CHAT.body(mark, model, tools=[] if choice == "required" else [READ["chat"]], tool_choice=choice)
    assert refused(bridge, simulator, mark, "chat", body).startswith("tool_choice: ")


def test_a_choice_among_tools_that_are_left_out(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """None of the others is meant."""
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [HOSTED]}
    body = DIALECTS["responses"].body(mark, CODEX, tools=[HOSTED, READ["responses"]], tool_choice=choice)
    assert asked(bridge, simulator, mark, "responses", body)["tool_choice"] == "none"


def test_a_tool_choice_without_tools_is_dropped_with_them(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    body = DIALECTS["responses"].body(mark, GPT, tools=[HOSTED], tool_choice="auto")
    assert not asked(bridge, simulator, mark, "responses", body).keys() & {"tools", "tool_choice"}


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
def test_tools_of_anthropics_that_the_client_runs(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, tool: Json, takes: str
) -> None:
    body = MESSAGES.body(f"{mark} [[sim:tools]]", model, tools=[tool])
    reply = whole(bridge, MESSAGES, body)
    (call,) = [block for block in reply["content"] if block["type"] == "tool_use"]
    assert call["name"] == tool["name"]
    sent = simulator.only(mark)["body"]
    assert takes in schema_of(sent)["properties"]
    (sent_tool,) = sent["tools"]
    assert (sent_tool.get("function") or sent_tool)["description"]
    messages = [
        *body["messages"],
        {"role": "assistant", "content": reply["content"]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": f"{mark}2"}],
        },
    ]
    again = asked(bridge, simulator, f"{mark}2", "messages", body | {"messages": messages})
    ((called, answered),) = pairs(again)
    assert called == answered


@pytest.mark.parametrize("kind", ["bash_20990101", "computer_toolset_20260801", "telepathy", 5])
@pytest.mark.parametrize("model", [GPT, CODEX])
def test_an_unknown_tool_is_named(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, kind: Any
) -> None:
    tools = [READ["messages"], {"type": kind, "name": "x"}]
    body = MESSAGES.body(mark, model, tools=tools)
    assert refused(bridge, simulator, mark, "messages", body).startswith("tools.1")


BLANKS = ["", "\n", " \t\u3000"]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("client", DIALECTS)
def test_claude_gets_no_empty_texts(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, blank: str
) -> None:
    """The simulator refuses empty texts, and Claude white space, too."""
    rounds = history(client, mark, ("call_1", "read"))
    messages = [
        *rounds[:1],
        {"role": "assistant", "content": blank},
        {"role": "user", "content": blank},
        *rounds[1:],
    ]
    body = conversation(client, SONNET, messages)
    system = {"messages": {"system": blank}, "responses": {"instructions": blank}, "chat": {}}
    if client == "chat":
        messages.insert(0, {"role": "system", "content": blank})
    sent = asked(bridge, simulator, mark, client, body | system[client])
    assert "system" not in sent
    texts = [*texts_in(sent["messages"])]
    assert not any(text == "" or text.isspace() for text in texts if text is not None)
    assert "(no content)" in texts


def texts_in(messages: list[Json]) -> list[str | None]:
    shown = [message["content"] for message in messages]
    inner = [block.get("text") for content in shown if isinstance(content, list) for block in content]
    return [content for content in shown if isinstance(content, str)] + inner


@pytest.mark.parametrize("content", [None, "", " ", [], [{"type": "text", "text": "\n"}]])
@pytest.mark.parametrize("model", [SONNET, "claude-opus-4.6"])
def test_a_tool_that_failed_without_a_word(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, content: Any
) -> None:
    messages = history("messages", mark, ("toolu_1", "read"))
    messages[-1]["content"][0] |= {"is_error": True, "content": content}
    sent = asked(bridge, simulator, mark, "messages", conversation("messages", model, messages))
    assert "The tool failed" in json.dumps(sent["messages"][-1])


@pytest.mark.parametrize("model", [GPT, SONNET])
def test_results_that_came_apart(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    calls = [CALLED["responses"](id_, "read") for id_ in ("a", "b", "c")]
    note = {"role": "assistant", "content": "note"}
    so = {"role": "user", "content": "so?"}
    results = [calls[1][1], note, calls[0][1], so, calls[2][1]]
    messages = [{"role": "user", "content": mark}, *(call for call, _ in calls), *results]
    sent = asked(bridge, simulator, mark, "responses", conversation("responses", model, messages))
    assert sorted(result for _call, result in pairs(sent)) == ["a", "b", "c"]
    roles = [message["role"] for message in sent["messages"]]
    if model == GPT:
        assert roles == ["user", "assistant", "tool", "tool", "tool", "assistant", "user"]
    else:
        assert roles == ["user", "assistant", "user", "assistant", "user"]
        results = sent["messages"][2]["content"]
        assert [block["type"] for block in results] == ["tool_result"] * 3


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
def test_results_that_came_apart_in_chat(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    """Two messages of the assistant, then their results; and a word of its between a call and its result."""
    (call, result), (other, answer) = (CALLED["chat"](id_, "read") for id_ in ("a", "b"))
    note = {"role": "assistant", "content": "note"}
    messages = [
        {"role": "user", "content": mark},
        call,
        other,
        result,
        answer,
        {"role": "user", "content": "so?"},
    ]
    sent = asked(bridge, simulator, mark, "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    if model != CODEX:
        roles = [message["role"] for message in sent["messages"]]
        assert roles == ["user", "assistant", "tool", "assistant", "tool", "user"]
    messages = [
        {"role": "user", "content": f"{mark}2"},
        call,
        note,
        result,
        {"role": "user", "content": "so?"},
    ]
    sent = asked(bridge, simulator, f"{mark}2", "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a")]
    if model != CODEX:
        assert [message["role"] for message in sent["messages"]][1:4] == ["assistant", "tool", "assistant"]


@pytest.mark.parametrize("between", [
    pytest.param({"role": "user", "content": "wait"}, id="a person"),
    pytest.param({"role": "system", "content": "be quick"}, id="the system"),
    pytest.param({"role": "assistant", "content": "note"}, id="the assistant, at the end"),
])  # fmt: skip
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_results_in_chat_that_somebody_spoke_before(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, between: Json
) -> None:
    """Whoever it was, what it says comes after the results; a person has the last word, or a tool."""
    (call, result), (other, answer) = (CALLED["chat"](id_, "read") for id_ in ("a", "b"))
    both = call | {"tool_calls": [*call["tool_calls"], *other["tool_calls"]]}
    messages = [{"role": "user", "content": mark}, both, answer, between, result]
    sent = asked(bridge, simulator, mark, "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    after = [between["role"], "user"] if between["role"] == "assistant" else [between["role"]]
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool", *after]
    assert sent["messages"][4]["content"] == between["content"]


WAIT = {"type": "text", "text": "wait"}


@pytest.mark.parametrize("parts", [
    pytest.param(lambda result, answer: [[WAIT, *result, *answer]], id="before both"),
    pytest.param(lambda result, answer: [[*result, WAIT, *answer]], id="between them"),
    pytest.param(lambda result, answer: [[*result], [WAIT], [*answer]], id="in messages of their own"),
    pytest.param(lambda result, answer: ["wait", [*result, *answer]], id="as a text"),
])  # fmt: skip
def test_results_in_messages_that_a_person_spoke_before(
    bridge: Bridge, simulator: Simulator, mark: str, parts: Callable[[list[Json], list[Json]], list[Any]]
) -> None:
    """Claude has to see all results before anything else: what was said comes after them."""
    (call, result), (other, answer) = (CALLED["messages"](id_, "read") for id_ in ("a", "b"))
    both = {"role": "assistant", "content": [*call["content"], *other["content"]]}
    late = [{"role": "user", "content": content} for content in parts(result["content"], answer["content"])]
    messages = [{"role": "user", "content": mark}, both, *late]
    sent = asked(bridge, simulator, mark, "messages", conversation("messages", SONNET, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    said_then = [message["content"] for message in sent["messages"][2:]]
    blocks = [block for content in said_then for block in (content if isinstance(content, list) else [WAIT])]
    assert [block["type"] for block in blocks] == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize("model", [GPT, SONNET])
def test_results_that_came_apart_in_messages(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    (call, result), (other, answer) = (CALLED["messages"](id_, "read") for id_ in ("a", "b"))
    both = {"role": "assistant", "content": [*call["content"], *other["content"]]}
    note = {"role": "assistant", "content": "note"}
    late = {"role": "user", "content": [*answer["content"], {"type": "text", "text": "so?"}]}
    messages = [{"role": "user", "content": mark}, both, result, note, late]
    sent = asked(bridge, simulator, mark, "messages", conversation("messages", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    roles = [message["role"] for message in sent["messages"]]
    if model == GPT:
        assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    else:
        assert roles == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize(("client", "model"), [
    ("chat", "claude-opus-4.6-fast"), ("responses", SONNET), ("messages", GPT), ("messages", CODEX)
])  # fmt: skip
@pytest.mark.parametrize("name", ["mcp.files/read", "x" * 129])
def test_names_of_tools_come_back(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, name: str
) -> None:
    dialect = ALL_DIALECTS[client]
    body = dialect.body(f"{mark} [[sim:tools]]", model, tools=[dialect.tool(name)])
    assert name in json.dumps(whole(bridge, dialect, body))
    frames = dialect.frames(bridge, f"{mark} [[sim:tools]]", model, tools=[dialect.tool(name)])
    assert any(name.encode() in frame.raw for frame in frames)
    assert all(name not in json.dumps(entry["body"]["tools"]) for entry in simulator.ledger(mark))


def picture(client: str, media: str, data: str) -> Json:
    url = f"data:{media};base64,{data}"
    if client == "chat":
        return {"type": "image_url", "image_url": {"url": url}}
    if client == "responses":
        return {"type": "input_image", "image_url": url}
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


JPEG, GIF = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgG", "R0lGODlhAQABAAAAACwAAAAAAQABAAA="


@pytest.mark.parametrize(("media", "data", "right"), [
    ("image/jpg", JPEG, "image/jpeg"),
    ("image/jpeg", PNG, "image/png"),
    ("application/octet-stream", GIF, "image/gif"),
    ("image/JPG", "AAAA", "image/jpeg"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("client", "model"), [(client, model) for client in DIALECTS for model in (CODEX, SONNET)]
)
def test_pictures_under_a_wrong_label(
    bridge: Bridge,
    simulator: Simulator,
    mark: str,
    client: str,
    model: str,
    media: str,
    data: str,
    right: str,
) -> None:
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, picture(client, media, data)], model)
    sent_text = json.dumps(asked(bridge, simulator, mark, client, body))
    assert right in sent_text
    assert media == right or media not in sent_text


SHOWN = {
    "chat": lambda shown: [
        *CALLED["chat"]("call_1", "look")[:1],
        {"role": "tool", "tool_call_id": "call_1", "content": [shown]},
    ],
    "messages": lambda shown: [
        *CALLED["messages"]("call_1", "look")[:1],
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": [shown]}]},
    ],
    "responses": lambda shown: [
        *CALLED["responses"]("call_1", "look")[:1],
        {"type": "function_call_output", "call_id": "call_1", "output": [shown]},
    ],
}


def screen() -> str:
    out = BytesIO()
    Image.new("1", (3136, 8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(("model", "width"), [(SONNET, 1568), (CODEX, 3136)])
@pytest.mark.parametrize("client", DIALECTS)
def test_a_tools_image_is_scaled_to_what_the_model_sees(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, width: int
) -> None:
    messages = [{"role": "user", "content": mark}, *SHOWN[client](picture(client, "image/png", screen()))]
    body = conversation(client, model, messages, tools=[DIALECTS[client].tool("look")])
    sent_text = json.dumps(asked(bridge, simulator, mark, client, body))
    (data,) = re.findall(r"iVBORw0KGgo[A-Za-z0-9+/=]*", sent_text)
    assert Image.open(BytesIO(base64.b64decode(data))).width == width


@pytest.mark.parametrize("client", DIALECTS)
def test_a_picture_of_a_type_that_the_model_does_not_take(
    bridge: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    heic = "AAAAGGZ0eXBoZWljAAAAAGhlaWNtaWYx"
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, picture(client, "image/png", heic)], SONNET)
    message = refused(bridge, simulator, mark, client, body)
    assert "content.1" in message
    assert "it is image/heic; this model takes image/" in message


def document(client: str, media: str, data: str) -> Json:
    url = f"data:{media};base64,{data}"
    if client == "chat":
        return {"type": "file", "file": {"filename": "notes.txt", "file_data": url}}
    if client == "responses":
        return {"type": "input_file", "filename": "notes.txt", "file_data": url}
    source = {"type": "base64", "media_type": media, "data": data}
    return {"type": "document", "title": "notes.txt", "source": source}


@pytest.mark.parametrize("media", ["text/plain", "text/markdown; charset=utf-8", "application/json"])
@pytest.mark.parametrize(
    ("client", "model"), [*(way for way in WAYS if way != ("responses", CODEX)), ("messages", GEMINI)]
)
def test_documents_that_are_text(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, media: str
) -> None:
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, document(client, media, "SGVsbG8gw7w=")], model)
    sent_text = json.dumps(asked(bridge, simulator, mark, client, body), ensure_ascii=False)
    assert "Hello ü" in sent_text
    assert "notes.txt" in sent_text
    assert "SGVsbG8" not in sent_text
    if model == SONNET:
        assert (
            '"type": "text", "media_type": "text/plain", "data": "Hello ü"' in sent_text or client == "chat"
        )


@pytest.mark.parametrize("model", [GPT, CODEX])
def test_titles_and_contexts_of_documents_are_sent(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    about = {"title": "A title", "context": "Its context"}
    sources = [
        {"type": "text", "media_type": "text/plain", "data": "plain"},
        {"type": "content", "content": "in blocks"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
    ]
    parts = [{"type": "document", "source": source} | about for source in sources]
    sent_text = json.dumps(
        asked(
            bridge,
            simulator,
            mark,
            "messages",
            MESSAGES.body([*parts, {"type": "text", "text": mark}], model),
        )
    )
    assert sent_text.count("A title") == sent_text.count("Its context") == 3


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
def test_documents_that_are_somewhere_else(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    source = {"type": "url", "url": "https://example.com/a.pdf"}
    body = MESSAGES.body([{"type": "text", "text": mark}, {"type": "document", "source": source}], model)
    message = refused(bridge, simulator, mark, "messages", body)
    assert message.startswith("messages.0.content.1")
    assert "content" in message


def test_documents_that_claude_does_not_take(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    body = DIALECTS["responses"].body(
        [{"type": "input_text", "text": mark}, document("responses", sheet, "UEsDBA==")], SONNET
    )
    assert refused(bridge, simulator, mark, "responses", body).startswith(
        "input: this model does not accept documents"
    )


@pytest.mark.parametrize(
    "item", [{"type": "compaction", "encrypted_content": "x"}, {"type": "compaction_trigger"}]
)
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_a_compaction_that_only_its_maker_can_read(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, item: Json
) -> None:
    body = conversation("responses", model, [item, {"role": "user", "content": mark}])
    assert refused(bridge, simulator, mark, "responses", body).startswith("input.0: ")


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
        asked(bridge, simulator, mark, "messages", conversation("messages", model, messages))
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
]


@pytest.mark.parametrize(
    ("call", "expected"), LOCAL, ids=lambda value: value["type"] if isinstance(value, dict) else ""
)
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_calls_of_openais_tools_that_the_client_ran(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, call: Json, expected: str
) -> None:
    output = {"type": f"{call['type']}_output", "call_id": "c", "output": "a.txt"}
    messages = [{"role": "user", "content": mark}, call, output]
    sent = asked(bridge, simulator, mark, "responses", conversation("responses", model, messages))
    assert pairs(sent) == [("c", "c")]
    assert expected.replace('"', "") in json.dumps(sent)
    assert "a.txt" in json.dumps(sent)


@pytest.mark.parametrize("kind", ["mcp_call", "file_search_call", "code_interpreter_call", "mcp_list_tools"])
def test_calls_that_openai_ran_are_history(
    bridge: Bridge, simulator: Simulator, mark: str, kind: str
) -> None:
    messages = [
        {"role": "user", "content": mark},
        {"type": kind, "id": "x"},
        {"role": "assistant", "content": "It says so."},
    ]
    sent = asked(
        bridge,
        simulator,
        mark,
        "responses",
        conversation("responses", GPT, [*messages, {"role": "user", "content": "And?"}]),
    )
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
