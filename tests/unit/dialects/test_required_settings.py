"""Settings that clients rely on are passed to the model, enforced by the bridge, or refused by their field.

This holds for every client, every API and models of different makers.  Hosted tools may be left out, but not
if a call is required.
"""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.adaptation.safe_names import safe_name
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.completions import prompt_reader as completions
from copilot_bridge.dialects.completions import prompt_writer as completions_prompt_writer
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.ollama import prompt_reader as ollama
from copilot_bridge.dialects.prompt import BINDING, Message, Prompt, Text, refuse_unsupported
from copilot_bridge.dialects.registry import DIALECTS, limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import BridgeError, Unsupported

Json = dict[str, Any]
READ = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
    "gemini": gemini.read_prompt,
    "ollama": ollama.read_chat_prompt,
    "ollama_generate": ollama.read_generate_prompt,
    "completions": completions.read_prompt,
}
PROMPT_WRITERS = {
    "chat": chat_prompt_writer,
    "messages": messages_prompt_writer,
    "responses": responses_prompt_writer,
    "completions": completions_prompt_writer,
}
TARGETS = [
    ("chat", "OpenAI", "gpt-4.1"),
    ("chat", "Azure OpenAI", "gpt-5-mini"),
    ("chat", "Google", "gemini-3-pro"),
    ("chat", "Moonshot AI", "kimi-k2"),
    ("chat", "Anthropic", "claude-sonnet-4.5"),
    ("messages", "Anthropic", "claude-opus-4.6"),
    ("responses", "OpenAI", "gpt-5.3-codex"),
    ("completions", "Azure OpenAI", "gpt-41-copilot"),
]

words = st.text("abcdefgh_", min_size=1, max_size=8).map("w{}".format)
long_names = words | words.map(lambda word: f"{word}." + "x" * 90)


def one(client, kind, text):
    return {
        "chat": {"type": "text", "text": text},
        "messages": {"type": "text", "text": text},
        "responses": {"type": "output_text" if kind == "assistant" else "input_text", "text": text},
        "gemini": {"text": text},
    }[client]


# What the clients send that have no messages.
PROMPTS = {"ollama_generate": "Go on.", "completions": ["Go on."]}


def body(client, *spoken, **more):
    if client == "gemini":
        return {"model": "m", "contents": [content(*turn) for turn in (*spoken, ("user", "Go on."))], **more}
    if client in PROMPTS:
        return {"model": "m", "prompt": PROMPTS[client], **more}
    messages = [{"role": role, "content": content} for role, content in (*spoken, ("user", "Go on."))]
    return {"model": "m", "input" if client == "responses" else "messages": messages, **more}


def content(role, text):
    parts = [{"text": text}] if isinstance(text, str) else text
    return {"role": "model" if role == "assistant" else role, "parts": parts}


# Each: what a client says, and the texts that the target has to hear or the bridge has to see to.

schemas = st.builds(
    lambda names, limit: {
        "type": "object",
        "properties": {name: {"type": "string", **limit} for name in names},
        "required": names[:1],
    },
    st.lists(words, min_size=1, max_size=3, unique=True),
    st.sampled_from([{}, {"maxLength": 3}, {"type": ["string", "null"]}, {"format": "color"}]),
)


def format_writer(client):
    def say(schema):
        form = {"type": "json_schema", "schema": schema, "name": "n"}
        field = {
            "chat": {
                "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
            },
            "messages": {"output_config": {"format": form}},
            "responses": {"text": {"format": form}},
            "gemini": {"generationConfig": {"responseJsonSchema": schema}},
            "ollama": {"format": schema},
            "ollama_generate": {"format": schema},
        }[client]
        return body(client, **field), [*schema["properties"]]

    def say_any(_):
        kind = {"type": "json_object"}
        field = {
            "chat": {"response_format": kind},
            "responses": {"text": {"format": kind}},
            "gemini": {"generationConfig": {"responseMimeType": "application/json"}},
            "ollama": {"format": "json"},
            "ollama_generate": {"format": "json"},
        }[client]
        return body(client, **field), ["json_object|JSON object"]

    if client == "completions":  # which have no field for it
        return st.nothing()
    return schemas.map(say) if client == "messages" else schemas.map(say) | st.none().map(say_any)


STOPS = {
    "chat": lambda sequences: {"stop": sequences},
    "messages": lambda sequences: {"stop_sequences": sequences},
    "gemini": lambda sequences: {"generationConfig": {"stopSequences": sequences}},
    "ollama": lambda sequences: {"options": {"stop": sequences}},
    "ollama_generate": lambda sequences: {"options": {"stop": sequences}},
    "completions": lambda sequences: {"stop": sequences},
}


def stops(client):
    if client not in STOPS:
        return st.nothing()
    texts = st.lists(words | st.sampled_from(["\n", " "]), min_size=1, max_size=7, unique=True)
    return texts.map(lambda sequences: (body(client, **STOPS[client](sequences)), sequences))


def function(client, name):
    schema = {"type": "object", "properties": {}}
    return {
        "chat": {"type": "function", "function": {"name": name, "parameters": schema}},
        "messages": {"name": name, "input_schema": schema},
        "responses": {"type": "function", "name": name, "parameters": schema},
        "gemini": {"functionDeclarations": [{"name": name, "parameters": schema}]},
        "ollama": {"type": "function", "function": {"name": name, "parameters": schema}},
    }[client]


OTHERS = {
    "chat": [{"type": "telepathy"}],
    "messages": [
        {"type": "bash_20250124", "name": "wbash"},
        {"type": "memory_20250818", "name": "wmemory"},
        {"type": "telepathy_20990101", "name": "wt"},
        {"type": "browser_toolset_20260801"},
    ],
    "responses": [{"type": "custom", "name": "wpatch"}, {"type": "telepathy"}, {"type": "shell"}],
    "gemini": [{"telepathy": {}}],
}


def tools(client):
    if client in PROMPTS:
        return st.nothing()
    functions = long_names.map(lambda name: function(client, name))
    others = st.sampled_from(OTHERS[client]) if client in OTHERS else st.nothing()
    offered = st.lists(functions | others, min_size=1, max_size=3)
    return offered.map(
        lambda tools: (body(client, tools=tools), [name_of(tool) or "?never" for tool in tools])
    )


def name_of(tool):
    declared = tool.get("function") or next(iter(tool.get("functionDeclarations", ())), {})
    return tool.get("name") or declared.get("name")


HOSTED = {
    "messages": {"type": "web_search_20250305", "name": "web_search"},
    "responses": {"type": "mcp", "server_label": "s"},
    "gemini": {"googleSearch": {}},
}
CHOICE = {"gemini": "toolConfig"}


def choices(client):
    """Among a function, a tool that a server would run, and nothing."""
    if client == "ollama" or client in PROMPTS:  # which have no field for it
        return st.nothing()
    offered = [[], [function(client, "read")], *([[HOSTED[client]]] if client in HOSTED else [])]
    if client in HOSTED:
        offered.append([HOSTED[client], function(client, "read")])
    given_ = {
        "chat": ["required", {"type": "function", "function": {"name": "read"}},
                 {"type": "function", "function": {"name": "other"}},
                 {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
                     {"type": "function", "function": {"name": "read"}}]}}],
        "messages": [{"type": "any"}, {"type": "tool", "name": "read"},
                     {"type": "tool", "name": "web_search"}],
        "responses": ["required", {"type": "function", "name": "read"}, {"type": "mcp", "server_label": "s"},
                      {"type": "web_search_preview"}, {"type": "function", "name": "other"},
                      {"type": "allowed_tools", "mode": "required", "tools": [{"type": "mcp"}]}],
        "gemini": [{"functionCallingConfig": {"mode": "ANY", **names}} for names in (
                       {}, {"allowedFunctionNames": ["read"]}, {"allowedFunctionNames": ["other"]},
                       {"allowedFunctionNames": ["read", "other"]})],
    }[client]  # fmt: skip
    field = CHOICE.get(client, "tool_choice")
    return st.builds(
        lambda tools, choice: (body(client, **{"tools": tools, field: choice}), ["tool_choice"]),
        st.sampled_from(offered),
        st.sampled_from(given_),
    )


def document(client, media, text, name):
    data = base64.b64encode(text.encode()).decode()
    url = f"data:{media};base64,{data}"
    return {
        "chat": {"type": "file", "file": {"filename": name, "file_data": url}},
        "messages": {
            "type": "document", "title": name, "context": f"{name}c",
            "source": {"type": "base64", "media_type": media, "data": data},
        },
        "responses": {"type": "input_file", "filename": name, "file_data": url},
        "gemini": {"inlineData": {"mimeType": media, "data": data, "displayName": name}},
    }[client]  # fmt: skip


ELSEWHERE = {
    "chat": {"type": "file", "file": {"file_id": "f"}},
    "messages": {"type": "document", "source": {"type": "url", "url": "https://example.com"}},
    "responses": {"type": "input_file", "file_url": "https://example.com"},
    "gemini": {"fileData": {"fileUri": "https://example.com"}},
}


def documents(client):
    if client not in ELSEWHERE:
        return st.nothing()

    def say(media, text, name):
        content = f"%PDF-{text}" if media == "application/pdf" else text
        encoded = base64.b64encode(content.encode()).decode()
        expected = [f"{content}|{encoded}", name, *([f"{name}c"] if client == "messages" else [])]
        return body(client, ("user", [document(client, media, content, name)])), expected

    media = st.sampled_from(
        ["application/pdf", "text/plain", "text/csv", "application/vnd.sheet", "image/x-y"]
    )
    elsewhere = st.just((body(client, ("user", [ELSEWHERE[client]])), ["?never"]))
    return st.builds(say, media, words, words) | elsewhere


def compactions(client):
    if client == "messages":
        block = words.map(lambda text: ([{"type": "compaction", "content": text}], [text]))
        return block.map(lambda drawn: (body(client, ("assistant", drawn[0])), drawn[1]))
    items = [{"type": "compaction", "encrypted_content": "x"}, {"type": "compaction_trigger"}]
    bodies = st.sampled_from(items).map(lambda item: body(client) | {"input": [item, *body(client)["input"]]})
    return bodies.map(lambda drawn: (drawn, ["?never"])) if client == "responses" else st.nothing()


def refusals(client):
    if client in PROMPTS:
        return st.nothing()
    if client == "ollama":
        return words.map(lambda text: (body(client, ("assistant", text)), [text]))
    part = {"messages": "text", "gemini": "text"}.get(client, "refusal")
    return words.map(lambda text: (body(client, ("assistant", [{"type": part, part: text}])), [text]))


PARTS = {
    "output_format": format_writer,
    "stop": stops,
    "tools": tools,
    "tool_choice": choices,
    "documents": documents,
    "compaction": compactions,
    "refusal": refusals,
}


def test_every_setting_that_clients_rely_on_has_a_case():
    assert set(PARTS) == set(BINDING)


CASES = [
    (part, client, target)
    for part, say in PARTS.items()
    for client in READ
    if not say(client).is_empty
    for target in TARGETS
    if target[0] in DIALECTS[client].upstream_order
]


@pytest.mark.parametrize(
    ("part", "client", "target"),
    CASES,
    ids=lambda value: "-".join(value[1:]) if isinstance(value, tuple) else value,
)
@settings(max_examples=settings.default.max_examples // 5)
@given(data=st.data())
def test_nothing_that_a_client_relies_on_is_lost(part, client, target, data):
    asked, expected = data.draw(PARTS[part](client))
    result = sent_or_refused(client, asked, target)
    if isinstance(result, BridgeError):
        assert result.kind in ("invalid_request", "unsupported")
        assert result.param
        assert str(result).startswith(result.param)
        return
    for text in expected:
        alike = {*text.split("|"), safe_name(text, 64), safe_name(text, 128)}
        assert any(spelling in one for spelling in alike for one in result), f"{text} is lost in {result}"


def sent_or_refused(client, asked, target):
    """The settings that are sent to the target or enforced by the bridge; or the refusal."""
    way = PROMPT_WRITERS[target[0]]
    try:
        prompt, undo = adapt_prompt(READ[client](asked), limits_of(*target), client)
        refuse_unsupported(prompt, way.UNSUPPORTED_SETTINGS)
    except BridgeError as error:
        return error
    return {*texts_in(way.write_prompt(prompt)), *undo.stops}


def texts_in(value):
    """All that is said in a body, and by which names."""
    if isinstance(value, dict):
        return {text for key, entry in value.items() for text in (key, *texts_in(entry))}
    if isinstance(value, list):
        return {text for entry in value for text in texts_in(entry)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("field", ["stop", "tools", "tool_choice", "output_format"])
def test_an_unsupported_setting_that_a_client_relies_on_is_refused(field):
    prompt = Prompt(model="m", messages=(Message("user", (Text("hi"),)),))
    refuse_unsupported(prompt, (field, "cache_key", "temperature"))
    with pytest.raises(Unsupported) as caught:
        refuse_unsupported(replace(prompt, **{field: ("x",)}), (field,))
    assert caught.value.param == field
