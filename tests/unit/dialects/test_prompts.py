"""Prompts survive a round trip through a dialect, and so do the details of other backends."""

from typing import get_args

import pytest
from msgspec.structs import replace

from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Message,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    first_document,
    without_documents,
)
from copilot_bridge.dialects.provider_details import PREFIX, decode_details, encode_details
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import InvalidRequest, Unsupported

PNG, PDF = Image("image/png", "AAAA"), File("application/pdf", "BBBB", "a.pdf")
CALLS = (ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", "{}"))
RESULTS = (ToolResult("call_1", (Text("one"),)), ToolResult("call_2", (Text("two"),)))
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOLS = (Tool("f", "does f", SCHEMA), Tool("g", "", SCHEMA))

READ = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
}
WRITE = {
    "chat": chat_prompt_writer.write_prompt,
    "messages": messages_prompt_writer.write_prompt,
    "responses": responses_prompt_writer.write_prompt,
}
DIALECTS = tuple(READ)


def user(*parts):
    return Message("user", parts)


def assistant(*parts):
    return Message("assistant", parts)


def round_trip(dialect, prompt):
    return READ[dialect](WRITE[dialect](prompt))


def unmarked(messages_):
    """Without the ends of prompt caches, which are set where a prompt says nothing of them."""
    return tuple(
        replace(
            message,
            parts=tuple(
                replace(part, cache_breakpoint=False) if isinstance(part, Text) else part
                for part in message.parts
            ),
        )
        for message in messages_
    )


CONVERSATIONS = {
    "text": (user(Text("hi")),),
    "system": (Message("system", (Text("be brief"),)), user(Text("hi"))),
    "image": (user(Text("look"), PNG),),
    "prompts": (user(Text("hi")), assistant(Text("ho")), user(Text("again"))),
    "calls": (user(Text("hi")), assistant(Text("I look."), *CALLS)),
    "calls alone": (user(Text("hi")), assistant(*CALLS)),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_conversation_survives_a_round_trip(dialect, name):
    prompt = Prompt(model="m", messages=CONVERSATIONS[name])
    assert unmarked(round_trip(dialect, prompt).messages) == prompt.messages


def test_a_document_keeps_its_name_where_there_is_one():
    prompt = Prompt(model="m", messages=(user(Text("read"), PDF),))
    for dialect in ("chat", "messages", "responses"):
        assert round_trip(dialect, prompt).messages == prompt.messages


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_results_survive_a_round_trip(dialect):
    prompt = Prompt(model="m", messages=(user(Text("hi")), assistant(*CALLS), user(*RESULTS)))
    assert round_trip(dialect, prompt).messages == prompt.messages


def test_each_result_is_a_message_in_chat():
    prompt = Prompt(model="m", messages=(user(Text("hi")), assistant(*CALLS), user(*RESULTS)))
    assert round_trip("chat", prompt).messages[2:] == tuple(user(result) for result in RESULTS)


def chat_outline(prompt):
    """Who speaks in chat, and the ids of calls and results."""
    return [
        (
            message["role"],
            message.get("tool_call_id") or [call["id"] for call in message.get("tool_calls", ())],
        )
        for message in chat_prompt_writer.write_prompt(prompt)["messages"]
    ]


def test_results_follow_their_calls_immediately_in_chat():
    """Codex's words of the system may come before a result; agents' pictures come with one."""
    note, called = Message("system", (Text("note"),)), assistant(*CALLS)
    between = (user(Text("hi")), called, note, user(RESULTS[0]), user(Text("go on")), user(RESULTS[1], PNG))
    assert chat_outline(Prompt(model="m", messages=between)) == [
        ("user", []),
        ("assistant", ["call_1", "call_2"]),
        ("tool", "call_1"),
        ("tool", "call_2"),
        ("system", []),
        ("user", []),
        ("user", []),
    ]


def test_nothing_moves_in_chat_if_a_result_is_missing():
    messages = (assistant(*CALLS), Message("system", (Text("note"),)), assistant(Text("ho")), user(*RESULTS))
    assert [role for role, _ in chat_outline(Prompt(model="m", messages=messages))] == [
        "assistant",
        "system",
        "assistant",
        "tool",
        "tool",
    ]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"content": None, "refusal": "I won't."}, ("I won't.",)),
        ({"refusal": "I won't."}, ("I won't.",)),
        ({"content": "Well,", "refusal": "no."}, ("Well,", "no.")),
        ({"content": [{"type": "refusal", "refusal": "I won't."}]}, ("I won't.",)),
        ({"content": "Yes.", "refusal": None}, ("Yes.",)),
        ({"content": "Yes.", "refusal": ""}, ("Yes.",)),
        ({"content": "Yes.", "refusal": {"by": "mistake"}}, ("Yes.",)),
    ],
)
def test_a_refusal_in_chat_is_read_as_text(fields, text):
    """As the SDK replays a response."""
    body = {"model": "m", "messages": [{"role": "assistant", **fields}]}
    assert chat.read_prompt(body).messages == (assistant(*map(Text, text)),)


@pytest.mark.parametrize("name", ["cache_control", "copilot_cache_control"])
def test_cache_breakpoints_of_chat_are_read(name):
    """It may be said of a part, of a message or of a tool; of a message it holds up to its end."""
    mark = {name: {"type": "ephemeral"}}
    one, two = {"type": "text", "text": "one"}, {"type": "text", "text": "two"}
    spoken = [
        {"role": "system", "content": "brief", **mark},
        {"role": "user", "content": [one | mark, two]},
        {"role": "user", "content": [one, two], **mark},
        {"role": "assistant", "content": "Hi", **mark},
        {"role": "tool", "tool_call_id": "a", "content": "done", **mark},
        {"role": "user", "content": "plain"},
    ]
    function = {"name": "f"}
    tools = [{"function": function} | mark, {"function": function | mark}, {"function": function}]
    prompt = chat.read_prompt({"model": "m", "messages": spoken, "tools": tools})
    assert prompt.messages == (
        Message("system", (Text("brief", cache_breakpoint=True),)),
        user(Text("one", cache_breakpoint=True), Text("two")),
        user(Text("one"), Text("two", cache_breakpoint=True)),
        assistant(Text("Hi", cache_breakpoint=True)),
        user(ToolResult("a", (Text("done", cache_breakpoint=True),))),
        user(Text("plain")),
    )
    assert [tool.cache_breakpoint for tool in prompt.tools] == [True, True, False]


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_of_chat_restrict_the_tools(mode):
    f, g = ({"type": "function", "function": {"name": name}} for name in "fg")
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [g]}}
    prompt = chat.read_prompt({"model": "m", "messages": [], "tools": [f, g], "tool_choice": choice})
    assert ([tool.name for tool in prompt.tools], prompt.tool_choice) == (["g"], ToolChoice(mode))


@pytest.mark.parametrize("choice", ["all", {}, {"type": "allowed_tools"}, {"allowed_tools": {"mode": "all"}}])
def test_an_unknown_tool_choice_of_chat_is_refused(choice):
    with pytest.raises(InvalidRequest) as caught:
        chat.read_prompt({"model": "m", "messages": [], "tool_choice": choice})
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("any", "tool_choice"),
        ("", "tool_choice"),
        (7, "tool_choice"),
        ({}, "tool_choice.mode"),
        ({"type": "allowed_tools", "tools": []}, "tool_choice.mode"),
        ({"type": "allowed_tools", "mode": ["auto"], "tools": []}, "tool_choice.mode"),
    ],
)
def test_an_unknown_tool_choice_of_responses_is_refused(choice, param):
    """It is not read as a free choice."""
    with pytest.raises(InvalidRequest) as caught:
        READ["responses"]({"model": "m", "input": "Hi", "tool_choice": choice})
    assert caught.value.param == param


def test_a_thought_that_chat_can_not_hold_leaves_no_empty_message():
    thought = assistant(Reasoning("t", GOODS["responses"]))
    prompt = Prompt(model="m", messages=(user(Text("Hi")), thought, user(Text("Go on"))))
    written = chat_prompt_writer.write_prompt(prompt)["messages"]
    assert [message["role"] for message in written] == ["user", "user"]
    signed = replace(prompt, messages=(assistant(Reasoning("t", GOODS["chat"])),))
    assert chat_prompt_writer.write_prompt(signed)["messages"][0]["reasoning_text"] == "t"


def test_only_the_assistant_has_refusals():
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi", "refusal": "I won't."}]}
    assert chat.read_prompt(body).messages == (user(Text("Hi")),)


SETTINGS = {
    "chat": (
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tools",
        "output_format",
    ),
    "messages": (
        "max_tokens",
        "temperature",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tools",
        "output_format",
    ),
    "responses": (
        "max_tokens",
        "tools",
        "tool_choice",
        "parallel_tools",
        "output_format",
        "cache_key",
        "reasoning_effort",
    ),
}
VALUES = {
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ("END",),
    "tools": TOOLS,
    "tool_choice": ToolChoice("tool", "f"),
    "parallel_tools": False,
    "output_format": OutputFormat(SCHEMA),
    "cache_key": "k",
    "reasoning_effort": "high",
}


@pytest.mark.parametrize(("dialect", "field"), [(d, field) for d in DIALECTS for field in SETTINGS[d]])
def test_a_setting_survives_a_round_trip(dialect, field):
    prompt = Prompt(model="m", messages=CONVERSATIONS["text"], **{"tools": TOOLS} | {field: VALUES[field]})
    read = round_trip(dialect, prompt)
    if field == "tools":
        assert [(t.name, t.description, t.schema) for t in read.tools] == [
            (t.name, t.description, t.schema) for t in TOOLS
        ]
    else:
        assert getattr(read, field) == VALUES[field]


GOODS = {
    "responses": {"responses": {"id": "rs_1", "encrypted_content": "gAAA"}},
    "messages": {"messages": "sig=="},
    "redacted": {"redacted": "EmwK"},
    "chat": {"chat": "opaque"},
}
# How each dialect's client plays back what it was shown.
REPLAYED = {
    "chat": lambda goods: {
        "messages": [
            {"role": "assistant", "content": "c", "reasoning_content": "t", "reasoning_opaque": goods}
        ]
    },
    "messages": lambda goods: {
        "messages": [
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": goods}]}
        ]
    },
    "responses": lambda goods: {
        "input": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "t"}],
                "encrypted_content": goods,
            }
        ]
    },
}


def replay(client, goods):
    prompt = READ[client]({"model": "m", **REPLAYED[client](goods)})
    return prompt, next(part for part in prompt.messages[0].parts if isinstance(part, Reasoning))


@pytest.mark.parametrize("maker", GOODS)
@pytest.mark.parametrize("client", DIALECTS)
def test_details_of_another_dialect_survive_a_client(client, maker):
    prompt, thought = replay(client, encode_details(GOODS[maker], client))
    assert thought == Reasoning("t", GOODS[maker])
    backend = {"redacted": "messages"}.get(maker, maker)
    value = GOODS[maker].get(maker)
    marked = value["encrypted_content"] if isinstance(value, dict) else value
    assert marked in str(WRITE[backend](prompt))
    for other in set(DIALECTS) - {backend}:
        assert marked not in str(WRITE[other](prompt)), "goods of another backend are never sent"


@pytest.mark.parametrize("damage", ["", "!", "e30", "WzFd", "AAAA", "é"])
@pytest.mark.parametrize("client", DIALECTS)
def test_damaged_details_are_dropped(client, damage):
    prompt, thought = replay(client, PREFIX + damage)
    assert thought.provider_details == {}
    for backend in DIALECTS:
        assert PREFIX not in str(WRITE[backend](prompt))


@pytest.mark.parametrize("given", [None, "", 5, [], {}])
def test_missing_details_are_empty(given):
    assert decode_details(given, "chat") == {}


@pytest.mark.parametrize("own", DIALECTS)
def test_own_details_are_not_encoded(own):
    assert encode_details({own: "x"}, own) == "x"
    assert decode_details("x", own) == {own: "x"}
    assert encode_details({}, own) == ""


WHOLE = {
    Text: user(Text("hi")),
    Image: user(PNG),
    File: user(PDF),
    Reasoning: assistant(Reasoning("t", GOODS["messages"] | GOODS["chat"] | GOODS["responses"])),
    ToolCall: assistant(*CALLS),
    ToolResult: user(*RESULTS),
}


def test_every_kind_of_part_has_a_case():
    assert set(get_args(Part)) == set(WHOLE)


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_kind_of_part_is_written(dialect, kind):
    prompt = Prompt(model="m", messages=(WHOLE[kind],))
    parts = [part for message in round_trip(dialect, prompt).messages for part in message.parts]
    assert any(isinstance(part, kind) for part in parts)


IMAGE_ELSEWHERE = {"type": "image_url", "image_url": {"url": "x"}}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}),
        (
            "chat",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        ),
        ("responses", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}),
        ("responses", {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
        (
            "messages",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "x"}}]}
                ]
            },
        ),
    ],
    ids=str,
)
def test_content_outside_the_request_is_refused_by_its_location(dialect, body):
    with pytest.raises(Unsupported) as caught:
        READ[dialect]({"model": "m", **body})
    assert caught.value.param.startswith(("messages.0", "input.0"))
    assert "content" in str(caught.value)


def test_documents_of_text_are_text():
    sources = [
        {"type": "text", "media_type": "text/plain", "data": "plain"},
        {"type": "content", "content": "one"},
        {"type": "content", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]},
    ]
    content = [{"type": "document", "source": source} for source in sources]
    prompt = READ["messages"]({"model": "m", "messages": [{"role": "user", "content": content}]})
    assert prompt.messages == (user(Text("plain"), Text("one"), Text("two\nthree")),)


@pytest.mark.parametrize(
    ("given", "requested"), [(0, 0), (0.7, 0.7), (1, 1), (1.5, 1), (2, 1), ("hot", "hot")]
)
def test_the_temperature_for_claude_is_at_most_1(given, requested):
    prompt = chat.read_prompt({"model": "m", "messages": [], "temperature": given})
    assert messages_prompt_writer.write_prompt(prompt)["temperature"] == requested


@pytest.mark.parametrize("client", ["chat", "responses"])
def test_claude_is_asked_in_words_for_any_json_object(client):
    bodies = {
        "chat": {"messages": [{"role": "user", "content": "Hi"}], "response_format": {"type": "json_object"}},
        "responses": {"input": "Hi", "text": {"format": {"type": "json_object"}}},
    }
    body = messages_prompt_writer.write_prompt(READ[client]({"model": "m", **bodies[client]}))
    assert [block["text"] for block in body["system"]] == [messages_prompt_writer.ANY_OBJECT]
    assert "output_config" not in body


@pytest.mark.parametrize(
    ("about", "description"),
    [
        ({"description": "Finds and reads."}, ["All tools called kb__…: Finds and reads.\n\nF.", "G."]),
        ({"description": ""}, ["F.", "G."]),
        ({"description": None}, ["F.", "G."]),
        ({}, ["F.", "G."]),
    ],
)
def test_a_namespaces_description_is_in_its_first_tool(about, description):
    inner = [{"type": "function", "name": name, "description": f"{name.upper()}."} for name in "fg"]
    tools = [{"type": "namespace", "name": "kb", "tools": inner} | about, *inner]
    prompt = READ["responses"]({"model": "m", "input": "Hi", "tools": tools})
    assert [tool.name for tool in prompt.tools] == ["kb__f", "kb__g", "f", "g"]
    assert [tool.description for tool in prompt.tools] == [*description, "F.", "G."]


def ends(prompt):
    """Where the body for Claude lets a prompt cache end."""
    body = messages_prompt_writer.write_prompt(prompt)
    places = {"tools": body.get("tools") or (), "system": body.get("system") or ()}
    places |= {f"messages.{n}": message["content"] for n, message in enumerate(body["messages"])}
    return [
        f"{where}.{index}"
        for where, blocks in places.items()
        for index, block in enumerate(blocks)
        if "cache_control" in block
    ]


SPOKEN = (
    Message("system", (Text("a"), Text("b"))),
    user(Text("hi")),
    assistant(Text("ho")),
    user(Text("go")),
)


@pytest.mark.parametrize(
    ("prompt", "places"),
    [
        (
            Prompt(model="m", messages=(*SPOKEN, assistant(Text("ho", cache_breakpoint=True)))),
            ["messages.3.0"],
        ),
        (
            Prompt(model="m", messages=SPOKEN, tools=(replace(TOOLS[0], cache_breakpoint=True), TOOLS[1])),
            ["tools.0"],
        ),
    ],
)
def test_cache_breakpoints_of_messages_survive(prompt, places):
    assert ends(prompt) == places


FOUND = {
    "type": "search_result",
    "title": "Paris",
    "source": "https://example.org/paris",
    "content": [{"type": "text", "text": "A city."}, {"type": "text", "text": "In France."}],
    "citations": {"enabled": True},
}


def test_search_results_become_text():
    """Beside a result and in it."""
    result = {"type": "tool_result", "tool_use_id": "a", "content": [FOUND]}
    spoken = [{"role": "user", "content": [result, FOUND | {"cache_control": {"type": "ephemeral"}}]}]
    text = "Paris\nhttps://example.org/paris\nA city.\nIn France."
    prompt = READ["messages"]({"model": "m", "messages": spoken})
    assert prompt.messages == (user(ToolResult("a", (Text(text),)), Text(text, cache_breakpoint=True)),)


def test_an_unknown_block_is_refused_by_its_type():
    result = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "hologram"}]}
    with pytest.raises(Unsupported, match="hologram") as caught:
        READ["messages"]({"model": "m", "messages": [{"role": "user", "content": [result]}]})
    assert caught.value.param == "messages.0.content.0"


def test_the_first_message_with_a_document_is_found():
    assert (
        first_document(Prompt(model="m", messages=(user(Text("a")), user(ToolResult("a", (PDF,)))))) is None
    )
    assert first_document(Prompt(model="m", messages=(user(Text("a")), user(PDF)))) == PDF


def test_documents_in_tool_results_are_replaced_by_a_note():
    prompt = Prompt(model="m", messages=(user(Text("a")), user(ToolResult("a", (Text("b"), PDF, PNG), True))))
    noted = without_documents(prompt)
    (result,) = noted.messages[1].parts
    assert (result.parts[0], result.parts[2], result.is_error) == (Text("b"), PNG, True)
    assert "document" in result.parts[1].text
    assert noted.messages[0] == prompt.messages[0]
