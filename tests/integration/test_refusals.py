"""Upstream's refusals have OpenAI's form, and are retried only where that can help."""

import pytest
from integration.harness import Bridge, Response, Simulator, Start, new_token

# refusal of the simulator's catalogue -> status, type, code, how often it was sent upstream
REFUSALS: dict[str, tuple[int, str, str | None, int]] = {
    "missing-editor": (400, "invalid_request_error", None, 1),
    "pat-unsupported": (401, "authentication_error", "invalid_api_key", 1),
    "pat-permission": (403, "permission_error", None, 1),
    "item-id": (400, "invalid_request_error", None, 1),
    "overflow": (400, "invalid_request_error", "context_length_exceeded", 1),
    "integrator": (404, "invalid_request_error", "model_not_found", 1),
    "rate-limited-400": (429, "rate_limit_error", "rate_limited", 1),
    "quota": (429, "insufficient_quota", "insufficient_quota", 1),
    "quota-bare": (429, "insufficient_quota", "insufficient_quota", 1),
    "unauthorized-feature": (403, "permission_error", None, 1),
    "forbidden": (403, "permission_error", None, 1),
    "model-not-allowed": (403, "permission_error", "model_not_allowed", 1),
    "entity-too-large": (413, "invalid_request_error", "request_too_large", 1),
    "content-policy-422": (400, "invalid_request_error", "content_filter", 1),
    "weekly": (429, "rate_limit_error", "user_weekly_rate_limited", 1),
    "client-too-old": (502, "server_error", None, 1),
    "unicorn": (502, "server_error", None, 2),
    "unavailable": (429, "rate_limit_error", "rate_limit_exceeded", 1),
    "overloaded": (529, "server_error", "overloaded", 2),
}


def refused(bridge: Bridge, text: str, *, stream: bool) -> Response:
    return bridge.chat(text, stream=stream)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_openais_form(
    bridge: Bridge, simulator: Simulator, mark: str, name: str, stream: bool
) -> None:
    status, type_, code, sent = REFUSALS[name]
    response = refused(bridge, f"[[sim:refuse name={name}]] {mark}", stream=stream)
    assert response.status == status
    assert (response.error["type"], response.error["code"]) == (type_, code)
    assert len(simulator.ledger(mark)) == sent
    assert response.headers["x-request-id"] == simulator.ledger(mark)[0]["headers"]["x-request-id"]
    line = bridge.logged(response.headers["x-request-id"])
    assert line["status"] == status
    # What upstream says of a body may repeat what stands in it: that is for the client alone.
    assert line["error"] == response.error["message"] or " " not in line["error"], (
        "a message, or a code alone"
    )
    assert line["outcome"] != "ok"


@pytest.mark.parametrize(
    "name", ["expired-token", "ide-token-expired", "authenticate", "hmac", "misdirected"]
)
def test_refusals_of_the_token_are_tried_once_with_a_new_one(
    start_bridge: Start, simulator: Simulator, mark: str, name: str
) -> None:
    bridge = start_bridge(server="gevent")
    healed = bridge.receive_stream(f"[[sim:refuse name={name} once={mark}]]")
    assert healed.text
    assert len(simulator.ledger(mark)) == 2
    response = bridge.chat(f"[[sim:refuse name={name}]] {mark} again")
    assert len(simulator.ledger(f"{mark} again")) == 2
    assert response.status == (502 if name == "misdirected" else 401)
    assert len(simulator.exchanges(bridge.github_token)) == 3


@pytest.mark.parametrize(
    ("status", "expected_status", "sent"),
    [
        (400, 400, 1),
        (403, 403, 1),
        (404, 404, 1),
        (408, 504, 2),
        (409, 400, 1),
        (413, 413, 1),
        (418, 400, 1),
        (422, 400, 1),
        (424, 400, 1),
        (429, 429, 1),
        (466, 502, 1),
        (499, 502, 2),
        (500, 500, 2),
        (501, 502, 1),
        (502, 502, 2),
        (503, 429, 1),
        (504, 504, 2),
        (529, 529, 2),
        (599, 502, 1),
    ],
)
@pytest.mark.parametrize("body", ["json", "text", "html", "bare"])
def test_every_status_is_told_whatever_its_body(
    bridge: Bridge, simulator: Simulator, mark: str, status: int, expected_status: int, sent: int, body: str
) -> None:
    response = refused(
        bridge, f"[[sim:status code={status} body={body} error=e{status}]] {mark}", stream=True
    )
    assert response.status == expected_status
    assert len(simulator.ledger(mark)) == sent
    assert "<" not in response.error["message"]
    assert "{" not in response.error["message"]
    if status == 466:
        assert "COPILOT_BRIDGE_EDITOR_VERSION" in response.error["message"]
    elif body in ("json", "bare"):
        assert response.error["message"] == "The simulator was asked for this error."


@pytest.mark.parametrize("status", [500, 502, 504, 529])
def test_a_passing_error_is_hidden_by_the_second_try(
    bridge: Bridge, simulator: Simulator, mark: str, status: int
) -> None:
    received = bridge.receive_stream(f"[[sim:status code={status} once={mark}]] hello")
    assert received.text
    assert len(simulator.ledger(mark)) == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wait", ["17", "date", "none", "1000000"])
def test_retry_after_is_passed_on_in_seconds(bridge: Bridge, status: int, streaming: bool, wait: str) -> None:
    """Never waited for: it may be weeks."""
    response = refused(bridge, f"[[sim:status code={status} retry-after={wait}]]", stream=streaming)
    assert response.status == 429
    assert response.error["type"] == "rate_limit_error"
    retry_after = response.headers.get("retry-after")
    if wait == "date":
        assert retry_after is not None
        assert 3590 <= int(retry_after) <= 3600
    else:
        assert retry_after == (None if wait == "none" else wait)


def test_the_error_for_the_weekly_limit_names_it(bridge: Bridge) -> None:
    response = bridge.chat("[[sim:refuse name=weekly]]")
    assert response.headers["retry-after"] == "2733"
    assert response.headers["x-ratelimit-exceeded"] == "user-weekly-requests"
    assert "weekly rate limit" in response.error["message"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_no_sdk_tries_a_used_up_quota_again(start_bridge: Start, simulator: Simulator, stream: bool) -> None:
    bridge = start_bridge(github_token=new_token("overquota"), server="gevent")
    response = refused(bridge, "hello", stream=stream)
    assert response.status == 429
    assert response.error["code"] == "insufficient_quota"
    assert response.error["type"] == "insufficient_quota"
    assert response.headers["x-should-retry"] == "false"
    assert 3590 <= int(response.headers["retry-after"]) <= 3600
    assert len(simulator.exchanges(bridge.github_token)) == 1
    refused(bridge, "hello", stream=stream)
    assert len(simulator.exchanges(bridge.github_token)) == 2, "the quota's state is sealed in the token"


def test_other_errors_leave_the_retry_to_the_client(bridge: Bridge) -> None:
    assert "x-should-retry" not in bridge.chat("[[sim:refuse name=weekly]]").headers


def test_quota_headers_are_passed_on(start_bridge: Start) -> None:
    for persona in ("demo", "tokenbilled", "free"):
        bridge = start_bridge(github_token=new_token(persona), server="gevent")
        response = bridge.chat("hello", "gpt-4.1")
        assert response.status == 200
        assert any(name.startswith("x-quota-snapshot-") for name in response.headers)


@pytest.mark.parametrize("persona", ["overquota", "tokenbilled"])
def test_odd_quota_headers_do_no_harm(start_bridge: Start, persona: str) -> None:
    bridge = start_bridge(github_token=new_token(persona), server="gevent")
    assert bridge.request("GET", "/v1/models").status == 200
    embedded = bridge.request("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"})
    assert embedded.status == 200


def test_max_tokens_is_renamed_where_the_model_wants_it(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    """A model that nobody knows about yet: learnt from its refusal, once."""
    for number in range(2):
        response = bridge.chat(
            f"[[sim:refuse name=max-tokens]] {mark} {number}", "grok-code-fast-1", max_tokens=50
        )
        assert response.status == 200
    bodies = [entry["body"] for entry in simulator.ledger(mark)]
    assert [("max_tokens" in body, body.get("max_completion_tokens")) for body in bodies] == [
        (True, None),
        (False, 50),
        (False, 50),
    ]
