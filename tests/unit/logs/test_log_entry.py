"""The log entry of a request: its times, tokens and error."""

import uuid

import pytest
from unit.logs.records import log_entry

from copilot_bridge.logs.entry import RequestLogEntry, new_id


def test_the_first_byte_is_noted_once():
    entry = log_entry()
    assert entry.first_byte_ms is None
    entry.note_first_byte()
    at = entry.first_byte_at
    entry.note_first_byte()
    assert entry.first_byte_at == at


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"prompt_tokens": 3}, (3, None)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
    ],
)
def test_usage_is_noted_as_openai_counts_it(usage, counted):
    entry = log_entry()
    entry.note_usage(usage)
    assert (entry.tokens_in, entry.tokens_out) == counted


def test_a_refusal_that_may_quote_the_prompt_is_logged_by_its_code_alone():
    from copilot_bridge.upstream.error_mapping import read_refusal

    entry = RequestLogEntry("127.0.0.1", "POST", "/v1/chat/completions")
    entry.note_error(
        read_refusal(400, {}, b'{"error":{"message":"bad: MY SECRET PROMPT","code":"bad_input"}}')
    )
    assert (entry.outcome, entry.error) == ("invalid_request", "bad_input")


def test_ids_are_random_uuids():
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert {(uuid.UUID(id_).version, uuid.UUID(id_).variant) for id_ in ids} == {(4, uuid.RFC_4122)}
