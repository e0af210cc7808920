"""Errors in OpenAI's format: https://platform.openai.com/docs/guides/error-codes."""

import json
from typing import Any

import pytest

from copilot_bridge import errors
from copilot_bridge.dialects.chat.errors import NO_RETRY, error_frame, write_error
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.errors import KINDS, BridgeError


def write_event(error: BridgeError) -> bytes:
    return FRAMING.encode([error_frame(error)])


def family(error: type[BridgeError]) -> list[type[BridgeError]]:
    return [error, *(descendant for heir in error.__subclasses__() for descendant in family(heir))]


# Those of errors.py: others may have heirs of their own elsewhere.
CLASSES = [error for error in family(BridgeError) if error.__module__ == errors.__name__]


def body(error: BridgeError) -> Any:
    return json.loads(write_error(error)[2])


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_class_has_a_kind(error: type[BridgeError]) -> None:
    assert error.kind in KINDS


def test_every_error_class_is_listed() -> None:
    found = {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found == set(CLASSES)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_body_has_openais_form(kind: str) -> None:
    status, headers, data = write_error(BridgeError("what went wrong", kind=kind, param="messages.0"))
    assert 400 <= status <= 599
    assert headers == (NO_RETRY if kind == "quota" else {})
    body = json.loads(data)
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["message"] == "what went wrong"
    assert body["error"]["param"] == "messages.0"
    assert isinstance(body["error"]["type"], str)
    assert isinstance(body["error"]["code"], str | None)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_last_event_has_the_same_error_and_no_done_follows(kind: str) -> None:
    error = BridgeError("what went wrong", kind=kind, code="its_code")
    event = write_event(error)
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    assert json.loads(event.removeprefix(b"data: ")) == body(error)


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        ("invalid_request", 400, "invalid_request_error", None),
        ("prompt_too_long", 400, "invalid_request_error", "context_length_exceeded"),
        ("model_not_found", 404, "invalid_request_error", "model_not_found"),
        ("authentication", 401, "authentication_error", "invalid_api_key"),
        ("quota", 429, "insufficient_quota", "insufficient_quota"),
        ("rate_limited", 429, "rate_limit_error", "rate_limit_exceeded"),
        ("timeout", 504, "server_error", "upstream_timeout"),
        ("internal", 500, "server_error", "internal_error"),
    ],
)
def test_each_kind_has_the_fields_that_sdks_rely_on(
    kind: str, status: int, type_: str, code: str | None
) -> None:
    error = BridgeError("", kind=kind)
    assert write_error(error)[0] == status
    assert body(error)["error"] == {"message": "", "type": type_, "param": None, "code": code}


def test_sdks_do_not_retry_an_exhausted_quota() -> None:
    assert write_error(BridgeError("", kind="quota"))[1] == {"x-should-retry": "false"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_upstreams_code_is_kept_unless_clients_rely_on_ours(kind: str) -> None:
    code_ = body(BridgeError("", kind=kind, code="upstreams_own"))["error"]["code"]
    assert code_ == (KINDS[kind].code if KINDS[kind].code_is_final else "upstreams_own")


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
    assert write_error(BridgeError("", kind=kind, status=given))[0] == expected


def test_upstreams_headers_are_kept_beside_our_own() -> None:
    error = BridgeError("", kind="quota", headers={"retry-after": "7", "x-should-retry": "true"})
    assert write_error(error)[1] == {"retry-after": "7", "x-should-retry": "false"}
    assert error.headers == {"retry-after": "7", "x-should-retry": "true"}


@pytest.mark.parametrize(
    "message", ["a\nb\r\n\ndata: [DONE]\n\n", "\u2028", '"quoted"', "\x00", "Grüße 漢字"]
)
def test_a_message_can_not_break_out_of_its_event(message: str) -> None:
    event = write_event(BridgeError(message))
    assert event.count(b"\n") == 2
    assert b"\r" not in event
    assert json.loads(event.removeprefix(b"data: "))["error"]["message"] == message


@pytest.mark.parametrize("write", [write_event, lambda error: write_error(error)[2]], ids=["event", "body"])
def test_half_a_surrogate_pair_in_a_message_can_be_sent(write: Any) -> None:
    """Upstream's message may quote what the client has sent."""
    assert b"error" in write(BridgeError("you said \ud83d"))


def test_secrets_in_a_message_are_redacted() -> None:
    assert b"gho_" not in write_event(BridgeError("bad token gho_0123456789abcdefghij"))
