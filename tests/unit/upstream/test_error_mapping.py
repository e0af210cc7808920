"""The meaning of upstream's errors, in any form."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.errors import KINDS
from copilot_bridge.upstream.error_mapping import (
    RENEW,
    RETRY,
    RULES,
    forwarded,
    prompt_size,
    read_body,
    read_refusal,
)

UNICORN = b"<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head></html>"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"error":{"message":"m","code":"c"}}', ("m", "c", None)),
        (b'{"error":{"message":"m","code":""}}\n', ("m", None, None)),
        (b'{"error":{"message":"m","code":"c","param":"model","type":"t"}}', ("m", "c", "model")),
        (b'{"error":{"message":"m","code":null,"param":null}}', ("m", None, None)),
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"req_1"}',
            ("m", None, None),
        ),
        (b'{"type":"error","error":{"type":"t","message":"m","code":"c"}}', ("m", "c", None)),
        (b'{"message":"m","code":"c","type":"t"}', ("m", "c", None)),
        (b"unauthorized: token expired\n", ("unauthorized: token expired", None, None)),
        (b"Misdirected Request\n", ("Misdirected Request", None, None)),
        (b'{"message":"m","documentation_url":"d","status":"403"}', ("m", None, None)),
        (UNICORN, ("", None, None)),
        (b"  \n<html>", ("", None, None)),
        (b'{"error_details":{"message":"d"},"message":"m"}', ("m", None, None)),
        (b'{"error":"text"}', ("text", None, None)),
        (b'{"error":{"code":"c"},"message":"m"}', ("m", "c", None)),
        (b'{"error":{"message":"m","code":429}}', ("m", "429", None)),
        (b'{"error":null,"message":"m","code":"c"}', ("m", "c", None)),
        (b'{"error":null}', ("", None, None)),
        (b'{"message":null}', ("", None, None)),
        (b"{}", ("", None, None)),
        (b"null", ("", None, None)),
        (b'"text"', ("text", None, None)),
        (b"", ("", None, None)),
        (b"\xff\xfe", ("\ufffd\ufffd", None, None)),
    ],
)
def test_every_form_of_a_body_is_read(body, read):
    assert read_body(body) == read


def test_a_long_message_is_cut():
    for body in (b"x" * 100_000, b'{"error": {"message": "' + b"x" * 100_000 + b'"}}'):
        assert read_body(body)[0] == "x" * 2000


@given(st.binary() | st.text().map(str.encode))
def test_any_body_becomes_a_refusal(body):
    message, _, _ = read_body(body)
    assert len(message) <= 2000


def coded(code, message="m"):
    return f'{{"error":{{"message":"{message}","code":"{code}"}}}}'


# Status, body, kind, remedy: the catalogue, in its order.
CATALOGUE = [
    (400, "bad request: missing Editor-Version header for IDE auth\n", "invalid_request", None),
    (400, "bad request: unknown Editor-Version header for IDE auth\n", "invalid_request", None),
    (400, "bad request: missing required Copilot-Integration-Id header\n", "invalid_request", None),
    (400, "bad request: unknown Copilot-Integration-Id\n", "invalid_request", None),
    (
        400,
        coded("", "missing required Copilot-Vision-Request header for vision requests"),
        "invalid_request",
        None,
    ),
    (
        400,
        "checking third-party user token: Personal Access Tokens are not supported for this endpoint",
        "authentication",
        None,
    ),
    (400, coded("model_not_supported", "The requested model is not supported."), "model_not_found", None),
    (
        400,
        coded("model_not_available_for_integrator", "The requested model is not available for integrator X"),
        "model_not_found",
        None,
    ),
    (400, coded("", "The requested model is not available for integrator X"), "model_not_found", None),
    (
        400,
        coded("unsupported_api_for_model", "model gpt-4o is not supported via Responses API."),
        "invalid_request",
        None,
    ),
    (
        400,
        coded("model_max_prompt_tokens_exceeded", "prompt token count of 138898 exceeds the limit of 64000"),
        "prompt_too_long",
        None,
    ),
    (400, coded("", "prompt token count of 138898 exceeds the limit of 64000"), "prompt_too_long", None),
    (
        400,
        '{"type":"error","error":{"message":"prompt is too long: 1051542 tokens > 1000000 maximum"}}',
        "prompt_too_long",
        None,
    ),
    (
        400,
        coded("invalid_request_body", "Your input exceeds the context window of this model."),
        "prompt_too_long",
        None,
    ),
    (400, coded("invalid_request_body", "Invalid 'input[1].id': 'x'."), "invalid_request", None),
    (400, coded("context_length_exceeded", "too long"), "prompt_too_long", None),
    (400, coded("", "Request body is too large for model context window"), "prompt_too_long", None),
    (400, coded("unsupported_value"), "invalid_request", None),
    (400, '{"message":"m","code":"previous_response_not_found"}', "invalid_request", None),
    (400, "off_topic", "invalid_request", None),
    (
        400,
        coded("invalid_request_error", "x: Extra inputs are not permitted"),
        "invalid_request",
        None,
    ),
    (400, coded("", "Invalid `signature` in `thinking` block"), "invalid_request", None),
    (400, "FAILED_PRECONDITION: vertexai.allowedPartnerModelFeatures", "invalid_request", None),
    (400, coded("rate_limited"), "rate_limited", None),
    (400, coded("x", "use max_completion_tokens instead"), "invalid_request", None),
    (400, coded("x", "Use 'max_tokens' instead"), "invalid_request", None),
    (
        400,
        coded("unsupported_parameter", "'max_tokens' is not supported. Use `max_completion_tokens` instead."),
        "invalid_request",
        None,
    ),
    (401, "unauthorized: token expired\n", "authentication", RENEW),
    (401, "IDE token expired: unauthorized: token expired\n", "authentication", RENEW),
    (401, "unauthorized: AuthenticateToken authentication failed\n", "authentication", RENEW),
    (
        401,
        "unauthorized: unable to validate HMAC for the given Copilot-Integration-ID",
        "authentication",
        RENEW,
    ),
    (
        401,
        "unauthorized: Personal Access Token does not have Copilot Requests permission",
        "permission",
        None,
    ),
    (401, '{"authorize_url": "https://x"}', "authentication", RENEW),
    (401, "Invalid auto-mode selector", "authentication", None),
    (401, "input item ID does not belong to this connection", "invalid_request", None),
    (401, "", "authentication", RENEW),
    *[
        (402, coded(code), "quota", None)
        for code in (
            "quota_exceeded",
            "free_quota_exceeded",
            "overage_limit_reached",
            "additional_spend_limit_reached",
            "session_quota_exceeded",
            "billing_not_configured",
        )
    ],
    (402, '{"message":"You have no quota","code":"quota_exceeded"}', "quota", None),
    (403, "unauthorized: not authorized to use this Copilot feature\n", "permission", None),
    (403, "forbidden\n", "permission", None),
    (403, '{"message":"API rate limit exceeded for user ID 1."}', "rate_limited", None),
    (403, '{"message":"You have exceeded a secondary rate limit."}', "rate_limited", None),
    (403, coded("rate_limited"), "rate_limited", None),
    (403, "You have triggered an abuse detection mechanism.", "rate_limited", None),
    (403, "this is not to be generated by your plan", "permission", None),
    (403, coded("model_not_allowed"), "permission", None),
    *[
        (403, coded(code), "authentication", RENEW)
        for code in ("expired_token", "invalid_token", "token_expired")
    ],
    (404, "not found\n", "not_found", None),
    (404, coded("model_not_found"), "model_not_found", None),
    (408, "", "timeout", RETRY),
    (413, "Request Entity Too Large", "too_large", None),
    (413, coded("request_too_large"), "too_large", None),
    (413, coded("", "prompt token count of 138898 exceeds the limit of 64000"), "prompt_too_long", None),
    (421, "Misdirected Request\n", "unavailable", RENEW),
    (422, "filtered", "content_filter", None),
    (424, "extension failed", "invalid_request", None),
    (429, coded("user_weekly_rate_limited"), "rate_limited", None),
    (429, "", "rate_limited", None),
    (466, "client too old", "unavailable", None),
    (499, "", "unavailable", RETRY),
    (500, UNICORN.decode(), "unavailable", RETRY),
    (502, UNICORN.decode(), "unavailable", RETRY),
    (503, "upstream_provider_rate_limit", "rate_limited", None),
    (504, "", "timeout", RETRY),
    (529, '{"type":"error","error":{"type":"overloaded_error","message":"m"}}', "overloaded", RETRY),
    (418, "teapot", "invalid_request", None),
    (507, "", "unavailable", None),
    (599, "", "unavailable", None),
]


@pytest.mark.parametrize(("status", "body", "kind", "remedy"), CATALOGUE)
def test_each_known_error_has_its_meaning(status, body, kind, remedy):
    refusal = read_refusal(status, {}, body.encode())
    assert (refusal.kind, refusal.remedy, refusal.status) == (kind, remedy, status)
    assert str(refusal).strip()
    assert "<html" not in str(refusal)


def test_a_redirect_is_not_the_clients_fault():
    assert read_refusal(302, {"location": "https://elsewhere.example"}, b"").kind == "unavailable"


def test_rules_have_known_kinds_and_remedies():
    assert {rule.kind for rule in RULES} <= KINDS.keys()
    remedies = {RENEW, RETRY}
    assert {rule.remedy for rule in RULES} == {None, *remedies}
    assert all(re.compile(rule.pattern) for rule in RULES)


def test_a_refusal_without_words_gets_ours():
    assert str(read_refusal(500, {}, UNICORN)) == "Copilot responded with status 500 and no reason"
    assert "COPILOT_BRIDGE_EDITOR_VERSION" in str(read_refusal(466, {}, b"too old"))
    assert "host" in str(read_refusal(421, {}, b"Misdirected Request"))


def test_a_secret_in_a_refusal_is_redacted():
    assert "EXAMPLE" not in str(read_refusal(400, {}, b"bad token ghu_EXAMPLE0000"))


def test_the_time_to_retry_is_read_from_headers_and_message():
    assert read_refusal(429, {"Retry-After": "7"}, b"").headers == {"retry-after": "7"}
    assert read_refusal(429, {"Retry-After": "1.5"}, b"").headers == {"retry-after": "2"}
    assert read_refusal(429, {}, b"").headers == {}
    far = {"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert read_refusal(402, far, b"").headers == {"retry-after": "86400"}


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {}, "2733"),
        (503, {}, "2733"),
        (402, {}, "2733"),
        (400, {}, None),  # nobody asks to wait: it quotes what the request said
        (429, {"Retry-After": "7"}, "7"),
        (400, {"X-RateLimit-Reset": "4102444800"}, None),  # GitHub says it with every response
    ],
)
def test_the_time_to_retry_is_read_from_the_text(status, headers, message):
    body = b'{"error":{"code":"c","message":"Limit. Please retry after 2733 seconds."}}'
    assert read_refusal(status, headers, body).headers.get("retry-after") == message


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("X-GitHub-Request-Id", True),
        ("x-copilot-service-request-id", True),
        ("Retry-After", True),
        ("x-ratelimit-exceeded", True),
        ("x-quota-snapshot-chat", True),
        ("x-quota-snapshot-premium_models", True),
        ("x-usage-ratelimit-weekly", True),
        ("x-quota-snapshot-", False),
        *[
            (name, False)
            for name in (
                "set-cookie",
                "connection",
                "transfer-encoding",
                "content-length",
                "content-encoding",
                "content-type",
                "strict-transport-security",
                "content-security-policy",
                "x-github-backend",
                "azureml-model-session",
                "apim-request-id",
                "authorization",
                "x-request-id",
            )
        ],
    ],
)
def test_useful_headers_are_forwarded(name, passes):
    assert forwarded({name: "v"}) == ({name.lower(): "v"} if passes else {})


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("prompt token count of 138898 exceeds the limit of 64000", (138898, 64000)),
        ("prompt is too long: 1051542 tokens > 1000000 maximum", (1051542, 1000000)),
        ("Your input exceeds the context window of this model.", None),
        ("too long by 5 of 10", None),
        ("limit 64000", None),
    ],
)
def test_the_size_of_a_prompt_is_read_from_the_message(message, size):
    assert prompt_size(message) == size
