"""Models that are reached through another API than the client's."""

import json

import pytest
from integration.harness import Bridge, Simulator

PATHS = {"chat": "/chat/completions", "messages": "/v1/messages", "responses": "/responses"}
CELLS = [
    ("chat", "gpt-5.3-codex", "responses"),
    ("messages", "gpt-4.1", "chat"),
    ("messages", "gpt-5.3-codex", "responses"),
    ("responses", "claude-sonnet-4.5", "messages"),
    ("responses", "gpt-4.1", "chat"),
]
ENDS = {"chat": "[DONE]", "messages": "message_stop", "responses": "response.completed"}


def body_of(client, model, text, **more):
    messages = [{"role": "user", "content": text}]
    if client == "responses":
        return {"model": model, "input": messages, **more}
    return {
        "model": model,
        "messages": messages,
        **({"max_tokens": 500} if client == "messages" else {}),
        **more,
    }


def post(bridge, client, body):
    path = PATHS[client] if client == "messages" else f"/v1{PATHS[client]}"
    return bridge.request("POST", path, body)


def text_of(client, response):
    if client == "chat":
        return response["choices"][0]["message"]["content"]
    if client == "messages":
        return "".join(block["text"] for block in response["content"] if block["type"] == "text")
    items = [item for item in response["output"] if item["type"] == "message"]
    return "".join(part["text"] for item in items for part in item["content"])


@pytest.mark.parametrize(("client", "model", "upstream"), CELLS)
def test_a_whole_response_is_translated(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, upstream: str
) -> None:
    response = post(bridge, client, body_of(client, model, f"Hello {mark}"))
    assert response.status == 200, response.body
    assert mark in text_of(client, response.json)
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[upstream]
    assert entry["headers"]["x-initiator"] == "user"
    line = bridge.logged(response.headers["x-request-id"])
    assert line["model"] == model
    assert line["status"] == 200


@pytest.mark.parametrize(("client", "model", "upstream"), CELLS)
def test_a_stream_is_translated(bridge: Bridge, mark: str, client: str, model: str, upstream: str) -> None:
    response = post(bridge, client, body_of(client, model, f"Hello {mark}", stream=True))
    assert response.status == 200, response.body
    assert response.headers["content-type"].startswith("text/event-stream")
    assert ENDS[client] in response.body.decode().rstrip().rpartition("\n\n")[2]


@pytest.mark.parametrize("kind", ["custom", "namespace"])
@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "gpt-4.1"])
def test_a_tool_of_responses_comes_back_in_its_kind(bridge: Bridge, model: str, kind: str) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    inner = {"type": "function", "name": "read", "parameters": schema}
    tools = {
        "custom": {"type": "custom", "name": "patch", "description": "patches"},
        "namespace": {"type": "namespace", "name": "files", "tools": [inner]},
    }
    response = post(bridge, "responses", body_of("responses", model, "[[sim:tools]] go", tools=[tools[kind]]))
    assert response.status == 200, response.body
    (call,) = [item for item in response.json["output"] if "call_id" in item]
    if kind == "custom":
        assert (call["type"], call["name"]) == ("custom_tool_call", "patch")
        assert isinstance(call["input"], str)
    else:
        assert (call["type"], call["namespace"], call["name"]) == ("function_call", "files", "read")
        assert isinstance(json.loads(call["arguments"]), dict)
