"""Errors in Anthropic's format: https://docs.anthropic.com/en/api/errors."""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.messages.errors import error_frame, type_of, write_error
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.stream_errors import as_stream_error
from copilot_bridge.errors import KINDS, BridgeError


def write_event(error: BridgeError) -> bytes:
    return FRAMING.encode([error_frame(error)])


# Every type that Anthropic has; SDKs and agents look at these.
TYPES = {
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
}


def body(error: BridgeError) -> Any:
    return json.loads(write_error(error, "req_1")[2])


def data_of(event: bytes) -> Any:
    head, data, *rest = event.split(b"\n")
    assert head == b"event: error"
    assert rest == [b"", b""]
    return json.loads(data.removeprefix(b"data: "))


def test_all_types_are_anthropics() -> None:
    assert {type_of(kind) for kind in KINDS.values()} == TYPES


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_body_has_anthropics_form(kind: str) -> None:
    error = BridgeError("what went wrong", kind=kind, code="its_code", param="messages.0")
    status, headers, data = write_error(error, "req_1")
    assert (status, headers) == (402 if kind == "quota" else KINDS[kind].status, {})
    assert json.loads(data) == {
        "type": "error",
        "error": {"type": type_of(KINDS[kind]), "message": "what went wrong"},
        "request_id": "req_1",
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_last_event_has_the_same_error_and_no_message_stop_follows(kind: str) -> None:
    error = BridgeError("what went wrong", kind=kind)
    assert data_of(write_event(error)) | {"request_id": "req_1"} == body(error)


@pytest.mark.parametrize(
    ("kind", "status", "type_"),
    [
        ("invalid_request", 400, "invalid_request_error"),
        ("unsupported", 400, "invalid_request_error"),
        ("prompt_too_long", 400, "invalid_request_error"),
        ("content_filter", 400, "invalid_request_error"),
        ("model_not_found", 404, "not_found_error"),
        ("authentication", 401, "authentication_error"),
        ("permission", 403, "permission_error"),
        ("quota", 402, "billing_error"),  # no SDK tries a 402 again
        ("too_large", 413, "request_too_large"),
        ("rate_limited", 429, "rate_limit_error"),
        ("overloaded", 529, "overloaded_error"),
        ("unavailable", 502, "api_error"),
        ("timeout", 504, "timeout_error"),
        ("internal", 500, "api_error"),
    ],
)
def test_each_kind_has_the_fields_that_sdks_rely_on(kind: str, status: int, type_: str) -> None:
    error = BridgeError("", kind=kind)
    assert write_error(error, "")[0] == status
    assert body(error)["error"]["type"] == type_


def test_claude_code_compacts_at_exactly_these_words() -> None:
    error = BridgeError("whatever upstream calls it", kind="prompt_too_long")
    assert body(error)["error"]["message"] == "whatever upstream calls it"
    error.prompt_size = (138_898, 128_000)
    words = "prompt is too long: 138898 tokens > 128000 maximum"
    assert body(error)["error"]["message"] == words
    assert data_of(write_event(error))["error"]["message"] == words


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"prompt_too_long"}))
def test_no_other_error_uses_these_words(kind: str) -> None:
    error = BridgeError("what went wrong", kind=kind)
    error.prompt_size = (2, 1)
    assert body(error)["error"]["message"] == "what went wrong"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("unavailable", 500, 500),
        ("unavailable", 502, 502),
        ("unavailable", 503, 503),
        ("unavailable", 504, 502),
        ("unavailable", 418, 502),
        ("unavailable", 200, 502),
        ("unavailable", None, 502),
        ("timeout", 503, 504),
        ("internal", 503, 500),
    ],
)
def test_upstreams_status_is_kept_for_unavailable_errors(kind: str, given: int | None, expected: int) -> None:
    assert write_error(BridgeError("", kind=kind, status=given), "")[0] == expected


def test_upstreams_headers_are_kept() -> None:
    error = BridgeError("", kind="rate_limited", headers={"retry-after": "7"})
    assert write_error(error, "")[1] == {"retry-after": "7"}


@pytest.mark.parametrize(
    "message", ["a\nb\r\n\nevent: message_stop\n\n", "\u2028", '"quoted"', "\x00", "Grüße 漢字"]
)
def test_a_message_can_not_break_out_of_its_event(message: str) -> None:
    event = write_event(BridgeError(message))
    assert b"\r" not in event
    assert data_of(event)["error"]["message"] == message


@pytest.mark.parametrize(
    "write", [write_event, lambda error: write_error(error, "")[2]], ids=["event", "body"]
)
def test_half_a_surrogate_pair_in_a_message_can_be_sent(write: Any) -> None:
    """Upstream's message may quote what the client has sent."""
    assert b"error" in write(BridgeError("you said \ud83d"))


def test_secrets_in_a_message_are_redacted() -> None:
    assert b"gho_" not in write_event(BridgeError("bad token gho_0123456789abcdefghij"))


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_an_error_in_upstreams_stream_keeps_its_kind(type_: str) -> None:
    error = as_stream_error({"type": type_, "message": "what went wrong"})
    again = body(error)["error"]
    assert again["message"] == "what went wrong"
    assert again["type"] == type_


@pytest.mark.parametrize("error", [None, "it broke", [], {"message": None}, {"type": 5}])
def test_a_malformed_error_in_upstreams_stream_is_still_an_error(error: Any) -> None:
    error_ = as_stream_error(error)
    assert error_.kind == "unavailable"
    assert str(error_)
