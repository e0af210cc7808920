"""The paths of Azure, of OpenAI's API at Google's host, and of OpenRouter give the same responses."""

import json

import pytest
from integration.harness import Bridge, Simulator, chat_body

PREFIXES = ("/openai/v1", "/openai/deployments/my-deployment", "/v1beta/openai", "/openai", "/api/v1")
VERSION = "?api-version=2024-10-21"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/embeddings", "/messages"])
def test_azures_paths_respond(
    bridge: Bridge, simulator: Simulator, mark: str, prefix: str, path: str
) -> None:
    fields = {"messages": [{"role": "user", "content": mark}], "input": mark, "max_tokens": 50}
    body = fields | {"model": "text-embedding-3-small" if path == "/embeddings" else "gpt-5.2"}
    response = bridge.request("POST", prefix + path + VERSION, body, {"api-key": "anything"})
    assert response.status == 200, response.body
    assert simulator.ledger(mark)


def test_openrouters_list_tells_context_and_abilities(bridge: Bridge) -> None:
    listed = {model["id"]: model for model in bridge.request("GET", "/api/v1/models").json["data"]}
    assert [*listed] == [model["id"] for model in bridge.request("GET", "/v1/models").json["data"]]
    claude = listed["claude-sonnet-4.5"]
    assert claude == bridge.request("GET", "/api/v1/models/anthropic/claude-sonnet-4.5").json
    assert claude["context_length"] > 100_000
    assert claude["top_provider"]["max_completion_tokens"] > 10_000
    assert claude["architecture"]["input_modalities"] == ["text", "image"]
    assert {"tools", "reasoning", "max_tokens"} <= {*claude["supported_parameters"]}
    embedding = listed["text-embedding-3-small"]
    assert (embedding["architecture"]["output_modalities"], embedding["supported_parameters"]) == (
        ["embeddings"],
        [],
    )


@pytest.mark.parametrize("prefix", PREFIXES[:4])
def test_models_are_listed_below_azures_paths(bridge: Bridge, prefix: str) -> None:
    plain = bridge.request("GET", "/v1/models").json
    assert bridge.request("GET", f"{prefix}/models{VERSION}").json == plain
    assert bridge.request("GET", f"{prefix}/models/gpt-5.2").json["id"] == "gpt-5.2"


def test_below_ollamas_paths_openrouters_errors_are_openais(bridge: Bridge) -> None:
    missing = bridge.request("GET", "/api/v1/nothing")
    assert missing.error["message"] == "no such endpoint: GET /api/v1/nothing"
    response = bridge.request("POST", "/api/v1/chat/completions", {"model": "gpt-5.2"})
    assert (response.status, response.error["param"]) == (400, "messages")
    for path in ("/api", "/api/", "/api/nothing", "/api/v2/models"):
        assert bridge.request("GET", path).json == {"error": f"no such endpoint: GET {path}"}


def test_openrouters_settings_are_read(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    own = {"provider": {"order": ["anthropic"]}, "transforms": ["middle-out"], "route": "fallback"}
    given = {"reasoning": {"max_tokens": 2000}, "usage": {"include": True}, "models": ["anthropic/x"]}
    received = bridge.receive_stream(mark, "anthropic/claude-sonnet-4.5", **own, **given)
    assert received.chunks[-1]["usage"]["total_tokens"]
    body = simulator.only(mark)["body"]
    assert body["thinking_budget"] == 2000
    assert not body.keys() & {*own, "reasoning", "usage", "models"}


def test_a_deployment_does_not_name_the_model(bridge: Bridge) -> None:
    """The body has to."""
    body = chat_body("hello", "gpt-5.2")
    del body["model"]
    response = bridge.request("POST", f"{PREFIXES[1]}/chat/completions", body)
    assert response.status == 400
    assert "model" in response.error["message"]


def test_at_googles_host_errors_are_openais(bridge: Bridge) -> None:
    key = {"x-goog-api-key": "anything"}
    assert bridge.request("GET", f"{PREFIXES[2]}/models", headers=key).json["object"] == "list"
    response = bridge.request("POST", f"{PREFIXES[2]}/chat/completions", {"model": "gpt-5.2"}, key)
    assert (response.status, response.error["param"]) == (400, "messages")


@pytest.mark.parametrize(
    "path", ["/openai", "/openai/v2/models", "/openai/deployments", "/openai/deployments/x"]
)
def test_nothing_else_is_there(bridge: Bridge, path: str) -> None:
    response = bridge.request("GET", path)
    assert response.status == 404
    assert json.loads(response.body)["error"]["message"]
