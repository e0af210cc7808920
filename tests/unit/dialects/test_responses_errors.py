"""Errors in OpenAI's format for Responses, and Codex's reaction to them.

Codex retries after every status but 400, and reads `error.code` at the end of a stream.
https://platform.openai.com/docs/guides/error-codes
"""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.responses.errors import CODES, error_frame, write_error
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.errors import KINDS, BridgeError


def write_event(error: BridgeError, response: dict[str, Any], number: int) -> bytes:
    return FRAMING.encode([error_frame(error, response, number)])


RESPONSE = {"id": "resp_1", "object": "response", "status": "in_progress", "model": "m", "output": []}

# What will be no different the next time, as long as the request is the same.
FOREVER = {
    "invalid_request",
    "unsupported",
    "prompt_too_long",
    "content_filter",
    "model_not_found",
    "not_found",
    "permission",
}


def failed(error: BridgeError, number: int = 7) -> Any:
    """The data of the stream's last event."""
    head, data, *rest = write_event(error, dict(RESPONSE), number).split(b"\n")
    assert head == b"event: response.failed"
    assert rest == [b"", b""]
    return json.loads(data.removeprefix(b"data: "))


def test_the_tables_name_existing_kinds() -> None:
    assert not CODES.keys() - KINDS.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_body_has_chats_form(kind: str) -> None:
    error = BridgeError("what went wrong", kind=kind, param="input.0", headers={"retry-after": "7"})
    status, headers, data = write_error(error, "req_1")
    assert status == (400 if kind in FOREVER else KINDS[kind].status)
    assert (headers, data) == chat.write_error(error)[1:]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_errors_that_a_retry_can_not_fix_have_status_400(kind: str) -> None:
    assert (write_error(BridgeError("", kind=kind), "")[0] == 400) == (kind in FOREVER)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("unavailable", 503, 503),
        ("unavailable", 418, 502),
        ("model_not_found", 404, 400),
        ("timeout", 503, 504),
    ],
)
def test_upstreams_status_is_kept_for_unavailable_errors(kind: str, given: int, expected: int) -> None:
    assert write_error(BridgeError("", kind=kind, status=given), "")[0] == expected


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_failed_stream_ends_with_the_response_and_its_error(kind: str) -> None:
    """The response as far as it was sent, failed, and why; there is always a code."""
    event = failed(BridgeError("what went wrong", kind=kind))
    response = event.pop("response")
    assert event == {"type": "response.failed", "sequence_number": 7}
    error = response.pop("error")
    assert response == RESPONSE | {"status": "failed"}
    assert error.keys() == {"code", "message"}
    assert error["message"] == "what went wrong"
    assert isinstance(error["code"], str)
    assert error["code"]


def test_the_failed_event_does_not_change_the_response() -> None:
    response = dict(RESPONSE)
    write_event(BridgeError(""), response, 0)
    assert response == RESPONSE


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalid_request", "invalid_prompt"),
        ("prompt_too_long", "context_length_exceeded"),  # Codex compacts
        ("quota", "insufficient_quota"),  # Codex stops
        ("rate_limited", "rate_limit_exceeded"),  # Codex waits
        ("unavailable", "server_error"),
        ("stream_cut", "stream_cut"),
        ("internal", "internal_error"),
    ],
)
def test_codex_finds_the_code_that_it_knows(kind: str, code: str) -> None:
    assert failed(BridgeError("", kind=kind))["response"]["error"]["code"] == code


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_upstreams_code_is_kept_unless_clients_rely_on_ours(kind: str) -> None:
    code = failed(BridgeError("", kind=kind, code="upstreams_own"))["response"]["error"]["code"]
    assert code == (KINDS[kind].code if KINDS[kind].code_is_final else "upstreams_own")


@pytest.mark.parametrize(
    "message", ["a\nb\r\n\nevent: response.completed\n\n", "\u2028", '"quoted"', "\x00", "Grüße 漢字"]
)
def test_a_message_can_not_break_out_of_its_event(message: str) -> None:
    assert failed(BridgeError(message))["response"]["error"]["message"] == message


def test_half_a_surrogate_pair_in_a_message_can_be_sent() -> None:
    """Upstream's message may quote what the client has sent."""
    assert b"error" in write_event(BridgeError("you said \ud83d"), dict(RESPONSE), 0)


def test_secrets_in_a_message_are_redacted() -> None:
    event = write_event(BridgeError("bad token gho_0123456789abcdefghij"), dict(RESPONSE), 0)
    assert b"gho_" not in event
