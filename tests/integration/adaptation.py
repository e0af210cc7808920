"""Requests whose adaptation is tested: their bodies, the body that upstream gets, and refusals."""

import json
from typing import Any

from integration.dialects import ALL_DIALECTS, DIALECTS, Dialect
from integration.harness import Bridge, Json, Simulator

GPT, CODEX, MINI, SONNET = "gpt-4.1", "gpt-5.3-codex", "gpt-5-mini", "claude-sonnet-4.5"
GEMINI = "gemini-3.1-pro-preview"


def response_to(bridge: Bridge, dialect: Dialect, request: Json) -> Json:
    response = dialect.post(bridge, request)
    assert response.status == 200, response.body
    body: Json = response.json
    return body


def upstream_body(bridge: Bridge, simulator: Simulator, mark: str, client: str, body: Json) -> Json:
    response_to(bridge, ALL_DIALECTS[client], body)
    sent: Json = simulator.only(mark)["body"]
    return sent


def refusal_of(bridge: Bridge, simulator: Simulator, mark: str, client: str, body: Json) -> str:
    """Return the message of a refusal, after checking its form, and that upstream got no request."""
    for stream in (False, True):
        response = DIALECTS[client].post(bridge, body | {"stream": stream})
        assert response.status == 400
        error = DIALECTS[client].error(response)
        assert error["type"] == "invalid_request_error"
    assert simulator.ledger(mark) == []
    return str(error["message"])


def history(client: str, mark: str, *rounds: tuple[str, str]) -> list[Json]:
    """Return a user's message, and for each (id, name) a call with its result."""
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
    """Return (id of a call, id of a result) in their order, in any dialect."""
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
    """Return each call and each result inside a value."""
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


PAIRS = [(client, model) for client in DIALECTS for model in (GPT, CODEX, SONNET)]


def schema_of(body: Json) -> Json:
    """Return the schema of the arguments of the only tool."""
    (tool,) = body["tools"]
    schema: Json = (tool.get("function") or tool).get("parameters") or tool.get("input_schema")
    return schema
