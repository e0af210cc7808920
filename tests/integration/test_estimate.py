"""The price of a request before it is sent is close to what it then costs."""

import pytest
from integration.harness import Bridge, Simulator, Start, chat_body, new_token

REQUESTS = {
    "/v1/chat/completions": chat_body("hello", "gpt-4o", max_tokens=30),
    "/v1/responses": {"model": "gpt-5.3-codex", "input": "hello", "max_output_tokens": 30},
    "/v1/messages": chat_body("hello", "claude-opus-5", max_tokens=30, system="Be short."),
    "/v1beta/models": {
        "model": "gemini-3.1-pro-preview",
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "generationConfig": {"maxOutputTokens": 30},
    },
    "/api/chat": chat_body("hello", "gpt-4o", options={"num_predict": 30}),
    "/api/generate": {
        "model": "gpt-4o",
        "prompt": "hello",
        "system": "Be short.",
        "options": {"num_predict": 30},
    },
    "/v1/completions": {"model": "gpt-4o", "prompt": "hello", "max_tokens": 30},
}


@pytest.fixture(scope="module")
def words() -> str:
    return "The quick brown fox jumps over the lazy dog. " * 400


@pytest.mark.parametrize("path", REQUESTS)
def test_an_estimate_prices_the_tokens(bridge: Bridge, simulator: Simulator, mark: str, path: str) -> None:
    found = bridge.request("POST", "/v1/estimate", REQUESTS[path] | {"user": mark}).json
    assert (found["object"], found["model"], found["tier"]) == (
        "estimate",
        REQUESTS[path]["model"],
        "default",
    )
    assert 0 < found["input_tokens"] < 100
    assert found["output_tokens"] == 30
    assert 0 < found["if_cached"]["ai_units"] < found["ai_units"]
    assert found["usd"] == pytest.approx(found["ai_units"] / 100)
    assert found["premium_requests"] is None
    assert simulator.ledger(mark) == []


def test_a_long_prompt_is_priced_by_its_tier(bridge: Bridge, words: str) -> None:
    body = chat_body(words * 70, "gpt-5.4")
    found = bridge.request("POST", "/v1/estimate", body).json
    assert found["input_tokens"] > 272_000
    assert found["tier"] == "long"
    assert found["ai_units"] == pytest.approx((found["input_tokens"] * 500 + 1000 * 2250) / 1e6)


def test_a_plan_of_premium_requests_has_their_price(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", github_token=new_token("spring")).warm()
    found = bridge.request("POST", "/estimate", chat_body("hello", "claude-opus-4.5")).json
    assert found["premium_requests"] == 3
    assert found["usd"] == pytest.approx(0.12)
    assert found["ai_units"] is None


def test_a_wrong_request_names_the_field(bridge: Bridge) -> None:
    refused = bridge.request("POST", "/v1/estimate", {"model": "gpt-4o"})
    assert refused.status == 400
    assert "messages" in refused.json["error"]["message"]
    assert bridge.request("POST", "/v1/estimate", chat_body("hello", "gpt-99")).status == 404
