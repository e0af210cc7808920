"""Cursor's requests, in their three shapes: the body of Responses that its agent sends, the tools of all
kinds in its other modes, and Anthropic's tools and blocks with names of Claude models.  The response has
chat's form, and the next request comes back in any of the shapes."""

import json

import pytest
from cursor_requests import GRAMMAR, SHAPES, TURNS, agent, called
from integration.harness import Bridge, Json, ReceivedStream, Simulator

# Cursor's names of a GPT, a Claude, a Gemini and a model of Responses alone -> the API of Copilot.
MODELS = {
    "gpt-4.1": "chat",
    "cb/claude-4.5-sonnet-thinking": "chat",
    "gemini-3-pro-preview": "chat",
    "gpt-5.3-codex-high-fast": "responses",
}


def sent(bridge: Bridge, body: Json, model: str, *, stream: bool) -> Json:
    """The message of the response, streamed or whole."""
    if not stream:
        response = bridge.request("POST", "/v1/chat/completions", {**body, "model": model})
        assert response.status == 200, response.body
        return response.message
    raw = json.dumps({**body, "model": model, "stream": True}).encode()
    stream = bridge.dial("POST", "/v1/chat/completions", raw)
    assert stream.status == 200, stream.response().body
    received = ReceivedStream(stream.all())
    stream.close()
    return {"content": received.text, "tool_calls": joined(received)} | {
        "finish_reason": received.finish_reason
    }


def joined(received: ReceivedStream) -> list[Json]:
    """The calls of a stream, those of custom tools, too."""
    calls: dict[int, Json] = {}
    for fragment in (call for delta in received.deltas for call in delta.get("tool_calls") or ()):
        call = calls.setdefault(fragment["index"], {})
        call |= {key: value for key, value in fragment.items() if key in ("id", "type")}
        for kind, field in (("function", "arguments"), ("custom", "input")):
            if kind in fragment:
                inner = call.setdefault(kind, {"name": "", field: ""})
                inner["name"] += fragment[kind].get("name") or ""
                inner[field] += fragment[kind].get(field) or ""
    return [calls[index] for index in sorted(calls)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_each_shape_is_answered_in_chats_form_and_comes_back_in_any(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, shape: str, stream: bool
) -> None:
    text = f"read_file a.txt {mark}"
    message = sent(bridge, SHAPES[shape](text), model, stream=stream)
    (call,) = message["tool_calls"]
    assert call.keys() == {"id", "type", "function"}
    assert called(call)[0] == "read_file"
    assert "path" in json.loads(called(call)[1])
    for back, turn in TURNS.items():
        response = sent(bridge, SHAPES[shape](turn(f"{text} {back}.", call)), model, stream=stream)
        assert "done" in response["content"], back
        assert simulator.only(f"{mark} {back}.")["path"].endswith(
            "/responses" if MODELS[model] == "responses" else "/chat/completions"
        )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", ["agent", "ask"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_the_patch_tool_is_called_with_free_text(
    bridge: Bridge, mark: str, model: str, shape: str, stream: bool
) -> None:
    message = sent(bridge, SHAPES[shape](f"ApplyPatch {mark}"), model, stream=stream)
    (call,) = message["tool_calls"]
    assert (call["type"], call["custom"]["name"]) == ("custom", "ApplyPatch")
    for turn in TURNS.values():
        response = sent(bridge, SHAPES[shape](turn(f"ApplyPatch {mark}", call)), model, stream=stream)
        assert "done" in response["content"]


def test_the_grammar_reaches_who_knows_grammars(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    sent(bridge, agent(f"hello {mark}"), "gpt-5.3-codex", stream=True)
    (patch,) = [tool for tool in simulator.only(mark)["body"]["tools"] if tool["name"] == "ApplyPatch"]
    assert (patch["type"], patch["format"]) == ("custom", GRAMMAR)


@pytest.mark.parametrize(
    ("name", "model", "field", "value"),
    [
        ("gpt-5-mini-high-fast", "gpt-5-mini", "reasoning_effort", "high"),
        ("cb/claude-4.5-opus-high", "claude-opus-4.5", "thinking_budget", 31_999),
        ("claude-4.5-sonnet-thinking", "claude-sonnet-4.5", "thinking_budget", 16_384),
        ("claude-4.5-sonnet", "claude-sonnet-4.5", "thinking_budget", None),
        ("gpt-4.1-fast", "gpt-4.1", "reasoning_effort", None),
    ],
)
def test_names_with_suffixes_say_how_to_think(
    bridge: Bridge, simulator: Simulator, mark: str, name: str, model: str, field: str, value: object
) -> None:
    assert bridge.chat(f"hello {mark}", name).status == 200
    body = simulator.only(mark)["body"]
    assert (body["model"], body.get(field)) == (model, value)


def test_a_name_that_means_no_reasoning_model_is_not_taken_for_one(bridge: Bridge) -> None:
    assert bridge.chat("hello", "gpt-4.1-high").error["code"] == "model_not_found"


def test_names_with_a_prefix_are_listed_on_demand(bridge: Bridge) -> None:
    plain = [model["id"] for model in bridge.request("GET", "/v1/models").json["data"]]
    for prefix in ("cb", "cb/"):
        listed = bridge.request("GET", f"/v1/models?prefix={prefix}").json["data"]
        assert [model["id"] for model in listed] == [f"cb/{name}" for name in plain]
    assert bridge.request("GET", "/v1/models/cb/gpt-4.1").json["id"] == "gpt-4.1"
    assert bridge.request("GET", "/v1/models?prefix=a%20b").error["param"] == "prefix"


def test_binding_chat_settings_in_a_responses_body_are_kept(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    """Chat's own settings, which that API does not have."""
    more = {
        "stop": ["END"],
        "max_tokens": 77,
        "response_format": {"type": "json_object"},
        "tool_choice": "none",
    }
    assert sent(bridge, agent(f"hello {mark}") | more, "gpt-4.1", stream=False)["content"]
    body = simulator.only(mark)["body"]
    assert (body["stop"], body["max_tokens"], body["response_format"]) == (
        ["END"],
        77,
        {"type": "json_object"},
    )
    assert body["messages"][0] == {"role": "system", "content": "You are an agent."}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": []}, "input"),
        ({"input": "hello", "n": 2}, "n"),
        ({"input": "hello", "background": True}, "background"),
        ({"input": "hello", "logprobs": True}, "logprobs"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "x"}]}]},
            "messages.0.content.0.id",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
            "messages.0.content.0.tool_use_id",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        ({"messages": [{"role": "user", "content": "hello"}], "stop_sequences": 5}, "stop_sequences"),
        ({}, "messages"),
    ],
)
def test_mistakes_are_named_in_chats_form(bridge: Bridge, body: Json, field: str) -> None:
    response = bridge.request("POST", "/v1/chat/completions", {"model": "gpt-5.3-codex", **body})
    assert (response.status, response.error["param"]) == (400, field)
