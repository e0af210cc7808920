"""A value of a wrong type anywhere in a request gets an error that explains it, on every path."""

import json
from itertools import islice

import pytest
from integration.dialects import ALL_CELLS, ALL_DIALECTS, CHAT
from integration.harness import Bridge, Json
from wrong_kinds import BODIES, mutants

COUNT, EMBEDDINGS = "/v1/messages/count_tokens", "/v1/embeddings"
WAYS = [
    *((dialect, ALL_DIALECTS[dialect].path, model) for dialect, model, _upstream in ALL_CELLS),
    *(("messages", COUNT, model) for model in ("claude-sonnet-4.5", "gpt-4.1")),
    ("embeddings", EMBEDDINGS, "text-embedding-3-small"),
]
# Coprime to the 18 mutants that there are of each value: all kinds come by, at ever other places.
STEP, FEW = 181, 11  # of a short body, there are a hundred in all


@pytest.mark.parametrize(("dialect", "path", "model"), WAYS)
def test_nothing_breaks_over_a_wrong_kind(bridge: Bridge, dialect: str, path: str, model: str) -> None:
    dialect_ = ALL_DIALECTS.get(dialect, CHAT)
    body: Json = {**BODIES[dialect], "model": model, "stream": False}
    step = FEW if dialect == "embeddings" else STEP
    for location, data in islice(mutants(body), WAYS.index((dialect, path, model)), None, step):
        response = bridge.request("POST", path, data)
        assert response.status in (200, 400, 404), f"{location}, in {data.decode()}: {response.body!r}"
        assert response.status == 200 or dialect_.error(response)["message"]


def nested(depth: int) -> str:
    """A schema, as JSON."""
    return '{"type":"object","properties":{"a":' * depth + '{"type":"string"}' + "}}" * depth


@pytest.mark.parametrize(
    ("dialect", "path", "model"),
    [
        ("chat", CHAT.path, "gpt-4.1"),
        ("chat", CHAT.path, "gpt-5.3-codex"),
        ("messages", COUNT, "gpt-4.1"),
        ("messages", COUNT, "gemini-3-pro-preview"),
        ("responses", "/v1/responses", "claude-sonnet-4.5"),
    ],
)
@pytest.mark.parametrize("depth", [100, 490])  # JSON may be 1,024 levels deep: two for each of these
def test_a_deep_schema_is_taken_or_refused(
    bridge: Bridge, dialect: str, path: str, model: str, depth: int
) -> None:
    tool = {
        "chat": {"type": "function", "function": {"name": "f", "parameters": "deep"}},
        "messages": {"name": "f", "input_schema": "deep"},
        "responses": {"type": "function", "name": "f", "parameters": "deep"},
    }[dialect]
    body = json.dumps(ALL_DIALECTS[dialect].body("hello", model, tools=[tool])).replace(
        '"deep"', nested(depth)
    )
    response = bridge.request("POST", path, body.encode())
    assert response.status in (200, 400), response.body
    assert response.status == 200 or "nested" in ALL_DIALECTS[dialect].error(response)["message"], (
        response.body
    )
