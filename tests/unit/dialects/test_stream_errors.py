"""Errors inside a stream keep their kind, whatever the dialects of client and upstream are."""

import json

import pytest
from dialect_tables import READERS

from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.messages.errors import envelope
from copilot_bridge.dialects.messages.normalize import MessagesNormalizer
from copilot_bridge.dialects.responses.normalize import ResponsesNormalizer
from copilot_bridge.dialects.stream_errors import as_stream_error
from copilot_bridge.errors import UpstreamRefused

MEANT = {
    "rate_limit_exceeded": "rate_limited",
    "rate_limit_error": "rate_limited",
    "rate_limited": "rate_limited",
    "user_model_rate_limited": "rate_limited",
    "user_global_rate_limited:pro": "rate_limited",
    "upstream_provider_rate_limit": "rate_limited",
    "agent_mode_limit_exceeded": "rate_limited",
    "model_overloaded": "overloaded",
    "server_is_overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "slow_down": "overloaded",
    "insufficient_quota": "quota",
    "free_quota_exceeded": "quota",
    "overage_limit_reached": "quota",
    "billing_not_configured": "quota",
    "context_length_exceeded": "prompt_too_long",
    "model_max_prompt_tokens_exceeded": "prompt_too_long",
    "content_filter": "content_filter",
    "model_not_found": "model_not_found",
    "model_not_supported": "model_not_found",
    "not_found_error": "not_found",
    "invalid_prompt": "invalid_request",
    "invalid_request_error": "invalid_request",
    "server_error": "unavailable",
    "internal_error": "unavailable",
    "error": "unavailable",
}


@pytest.mark.parametrize("name", MEANT)
def test_a_code_or_a_type_gives_the_kind(name):
    assert as_stream_error({"code": name, "message": "m"}).kind == MEANT[name]
    assert as_stream_error({"type": name, "message": "m"}).kind == MEANT[name]


def test_the_code_wins_over_the_type():
    error = as_stream_error({"code": "rate_limit_exceeded", "type": "invalid_request_error", "message": "m"})
    assert (error.kind, error.code, str(error)) == ("rate_limited", "rate_limit_exceeded", "m")


@pytest.mark.parametrize("error", [None, "it broke", [], {}, {"code": 429}, {"code": ["a"], "type": None}])
def test_an_unknown_error_is_unavailable(error):
    error_ = as_stream_error(error)
    assert error_.kind == "unavailable"
    assert str(error_)


LIMITED = {"code": "user_global_rate_limited:pro", "message": "slowly"}
FAILED = {"status": "failed", "error": LIMITED}
EVENTS = {
    "chat": {"error": LIMITED},
    "messages": {"type": "error", "error": {"type": "rate_limit_error", "message": "slowly"}},
    "responses, at its end": {"type": "response.failed", "response": FAILED},
    "responses, beside": {"type": "error", **LIMITED},
    "responses, inside": {"type": "error", "error": LIMITED},
}


def chunk_normalizer():
    return ChunkNormalizer(model="m", created=1)


@pytest.mark.parametrize("name", EVENTS)
def test_a_reader_raises_an_error_of_the_right_kind(name):
    with pytest.raises(UpstreamRefused) as caught:
        list(READERS[name.partition(",")[0]]().feed(json.dumps(EVENTS[name]).encode()))
    assert (caught.value.kind, str(caught.value)) == ("rate_limited", "slowly")
    assert envelope(caught.value)["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("name", [name for name in EVENTS if name.startswith("responses")])
def test_an_error_that_is_passed_on_gives_the_outcome(name):
    normalizer = ResponsesNormalizer()
    normalizer.feed(f"event: {EVENTS[name]['type']}\ndata: {json.dumps(EVENTS[name])}\n\n".encode())
    assert (normalizer.done, normalizer.outcome) == (True, "rate_limited")


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_a_normalizer_raises_an_error_of_the_right_kind(name):
    normalizer = ChatNormalizer(chunk_normalizer(), usage=False) if name == "chat" else MessagesNormalizer()
    with pytest.raises(UpstreamRefused) as caught:
        normalizer.feed(f"data: {json.dumps(EVENTS[name])}\n\n".encode())
    assert caught.value.kind == "rate_limited"
