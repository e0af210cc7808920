"""Observed behaviour of agents and SDKs with errors and embeddings: rules 19 to 23, each by its number."""

import base64
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from integration.agents import CLAUDE_CODE, codex
from integration.dialects import ALL_CELLS, ALL_DIALECTS, CELLS, DIALECTS, MESSAGES, RESPONSES, models
from integration.harness import Bridge, Json, Response, Simulator, Start

ROUTES = pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in ALL_CELLS])
IN_RESPONSES = pytest.mark.parametrize("model", models("responses"))
EITHER_WAY = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def test_every_rule_has_a_test() -> None:
    named: set[int] = set()
    for path in Path(__file__).parent.glob("test_client_rules_*.py"):
        named |= {
            int(number) for number in re.findall(r"^def test_rule_(\d\d)_", path.read_text(), re.MULTILINE)
        }
    assert named == set(range(1, 24))


# 19. Each client prints `error.message`, if it finds it.

# What upstream says, in each form that it was seen in -> a word of it that the client should read.
EXPLANATIONS = {
    "refuse name=unicorn": "",  # a page in HTML says nothing
    "refuse name=content-policy-422": "Responsible AI",  # a line of text
    "refuse name=overloaded": "Overloaded",  # Anthropic's form
    "refuse name=integrator": "integrator",  # OpenAI's, served as text
    "status code=400 body=bare": "asked for this error",
    "status code=403 body=text": "asked for this error",
}


@ROUTES
@EITHER_WAY
@pytest.mark.parametrize("refusal", EXPLANATIONS)
def test_rule_19_errors_have_the_clients_form(
    bridge: Bridge, client: str, model: str, stream: bool, refusal: str
) -> None:
    dialect = ALL_DIALECTS[client]
    response = dialect.post(bridge, dialect.body(f"[[sim:{refusal}]]", model, stream=stream))
    assert response.status >= 400
    message = dialect.error(response)["message"]
    assert EXPLANATIONS[refusal] in message
    assert "<" not in message
    assert "{" not in message


@pytest.mark.parametrize("client", DIALECTS)
def test_rule_19_so_are_the_bridges_own(bridge: Bridge, client: str) -> None:
    dialect = DIALECTS[client]
    wrong: list[Any] = [b"{", b"[]", {}, {"model": "gpt-4.1"}, dialect.body("hello", "no-such-model")]
    for body in wrong:
        response = bridge.request("POST", dialect.path, body)
        assert response.status in (400, 404)
        assert dialect.error(response)["type"] in ("invalid_request_error", "not_found_error")
    for method, path in (("PUT", dialect.path), ("POST", f"{dialect.path}/nothing")):
        response = bridge.request(method, path)
        assert response.status in (400, 404, 405)
        assert path in dialect.error(response)["message"]


# 20. What is tried again, and when.

RATE_LIMITED = {"gemini": "RESOURCE_EXHAUSTED", "ollama": None}
USED_UP = {
    "messages": (402, "billing_error"),
    "gemini": (429, "RESOURCE_EXHAUSTED"),
    "ollama": (429, None),
}


@ROUTES
@EITHER_WAY
def test_rule_20_retry_after_is_kept(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, stream: bool
) -> None:
    """In seconds, which is all that every client reads; upstream may say a date."""
    dialect = ALL_DIALECTS[client]
    for form, least, most in (("17", 17, 17), ("date", 3500, 3600)):
        text = f"[[sim:status code=429 retry-after={form}]] {mark}{form}"
        response = dialect.post(bridge, dialect.body(text, model, stream=stream))
        assert response.status == 429
        assert dialect.error(response)["type"] == RATE_LIMITED.get(client, "rate_limit_error")
        assert least <= int(response.headers["retry-after"]) <= most
        simulator.only(f"{mark}{form}")


@ROUTES
def test_rule_20_clients_do_not_retry_when_the_quota_is_used_up(
    bridge: Bridge, client: str, model: str
) -> None:
    """Codex stops at this type, SDKs at this header; Claude Code does at a 402."""
    dialect = ALL_DIALECTS[client]
    response = dialect.post(bridge, dialect.body("[[sim:refuse name=quota-bare]]", model))
    error = dialect.error(response)
    assert (response.status, error["type"]) == USED_UP.get(client, (429, "insufficient_quota"))
    if client in ("chat", "responses"):
        assert response.headers["x-should-retry"] == "false"


@EITHER_WAY
@pytest.mark.parametrize("name", ["gpt-nothing", "text-embedding-3-small", "o4-mini", "gpt-41-copilot"])
def test_rule_20_in_responses_a_model_that_is_not_to_be_had_is_a_400(
    bridge: Bridge, name: str, stream: bool
) -> None:
    """Unknown, mute, not enabled, for completions only; Codex would try a 404 again six times."""
    response = RESPONSES.post(bridge, codex("hello", name, stream=stream))
    assert response.status == 400
    assert name in RESPONSES.error(response)["message"]


@IN_RESPONSES
@EITHER_WAY
@pytest.mark.parametrize("refusal", ["forbidden", "model-not-allowed", "unauthorized-feature", "integrator"])
def test_rule_20_in_responses_what_is_forbidden_is_a_400(
    bridge: Bridge, model: str, refusal: str, stream: bool
) -> None:
    response = RESPONSES.post(bridge, RESPONSES.body(f"[[sim:refuse name={refusal}]]", model, stream=stream))
    assert response.status == 400
    assert RESPONSES.error(response)["message"]


# 21. A base URL with one /v1 too many looks to Claude Code like a model that is not there.


@pytest.mark.parametrize(
    ("path", "client"),
    [
        ("/v1/v1/messages", "messages"),
        ("/v1/v1/chat/completions", "chat"),
        ("/v1/v1/responses", "responses"),
    ],
)
def test_rule_21_one_v1_too_many_does_no_harm(bridge: Bridge, mark: str, path: str, client: str) -> None:
    dialect = DIALECTS[client]
    body = dialect.body(mark, "claude-sonnet-4.5")
    whole = bridge.request("POST", f"{path}?beta=true", body, CLAUDE_CODE)
    assert whole.status == 200
    assert mark in dialect.text(whole.json)
    streamed = bridge.request("POST", path, body | {"stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert bridge.logged(streamed.headers["x-request-id"])["dialect"] == client
    refused = bridge.request("POST", path, dialect.body(mark, "no-such-model"))
    assert "no-such-model" in dialect.error(refused)["message"]


def test_rule_21_one_v1_too_many_counts_embeds_and_lists(bridge: Bridge) -> None:
    body = MESSAGES.body("hello", "claude-sonnet-4.5")
    counted = bridge.request("POST", "/v1/v1/messages/count_tokens?beta=true", body, CLAUDE_CODE)
    assert counted.json["input_tokens"] > 0
    for path in ("/models", "/models/gpt-4.1"):
        plain, doubled = (bridge.request("GET", f"{prefix}{path}").json for prefix in ("/v1", "/v1/v1"))
        assert plain == doubled
    assert embed(bridge, path="/v1/v1/embeddings").status == 200


@pytest.mark.parametrize("path", ["/v2/messages", "/anthropic/v1/messages", "/v1/messages/batches"])
def test_rule_21_a_wrong_path_is_named(bridge: Bridge, path: str) -> None:
    response = bridge.request("POST", path, MESSAGES.body("hello", "claude-sonnet-4.5"), CLAUDE_CODE)
    assert response.status == 404
    error = MESSAGES.error(response)
    assert error["type"] == "not_found_error"
    assert f"POST {path}" in error["message"]
    assert path in bridge.logged(response.headers["x-request-id"])["error"]


# 22. Nobody but the bridge can renew upstream's token.


def test_rule_22_an_expired_token_is_renewed_once_and_unseen(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge()
    assert bridge.chat("hello").status == 200
    for number, (client, model, _) in enumerate((CELLS[0], CELLS[4], CELLS[8], CELLS[9]), 1):
        assert simulator.expire(bridge.github_token)
        dialect = DIALECTS[client]
        frames = dialect.frames(bridge, f"{mark}{number}", model)
        assert mark in dialect.well_ended(frames)
        assert len(simulator.ledger(f"{mark}{number}")) == 2
        assert len(simulator.exchanges(bridge.github_token)) == 1 + number


# 23. Embeddings.


def embed(bridge: Bridge, path: str = "/v1/embeddings", **more: Any) -> Response:
    return bridge.request("POST", path, {"model": "text-embedding-3-small", "input": ["one", "two"], **more})


def vectors(response: Response) -> list[Any]:
    assert response.status == 200, response.body
    data: list[Json] = response.json["data"]
    return [entry["embedding"] for entry in data]


def test_rule_23_base64_is_what_sdks_ask_for(bridge: Bridge) -> None:
    floats = vectors(embed(bridge, encoding_format="float"))
    assert vectors(embed(bridge)) == floats, "litellm asks for nothing"
    for packed, vector in zip(vectors(embed(bridge, encoding_format="base64")), floats, strict=True):
        assert isinstance(packed, str)
        raw = base64.b64decode(packed, validate=True)
        assert struct.unpack(f"<{len(vector)}f", raw) == pytest.approx(vector)
