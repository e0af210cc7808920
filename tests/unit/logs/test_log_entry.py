"""The log entry of a request: its times, tokens, error, and its row in the store."""

import pytest
from unit.logs.records import log_entry

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.store.requests import COLUMNS

TOKEN = "ghu_EXAMPLE0000000000000000000000000000"


def test_a_row_for_the_store():
    entry = log_entry(
        model="x\0" + "y" * 999, error=f"refused {TOKEN}\n" + "z" * 999, queue=0.0124, streamed=True
    )
    row = dict(zip(COLUMNS, entry.row(), strict=True))
    assert (row["queue_ms"], row["token_ms"], row["streamed"]) == (12, None, 1)
    assert (row["address"], row["path"], row["caller"]) == ("127.0.0.1", "/v1/chat/completions", "local")
    assert len(row["model"]) == 200
    assert "\0" not in row["model"]
    assert row["error"].startswith("refused ***")
    assert len(row["error"]) == 500
    cut = dict(zip(COLUMNS, entry.row_if_interrupted(), strict=True))
    same = ("id", "at", "model", "address", "path", "streamed")
    assert {name: cut[name] for name in same} == {name: row[name] for name in same}
    assert {cut[name] for name in COLUMNS[10:20]} == {None}
    assert cut["outcome"] == "cut"


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
