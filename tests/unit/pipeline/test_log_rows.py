"""The row of a request in the store."""

from dataclasses import asdict

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.log_rows import finished_row, interrupted_row

TOKEN = "ghu_EXAMPLE0000000000000000000000000000"


def test_a_row_is_short_and_holds_no_secret_and_no_control_character():
    entry = RequestLogEntry(
        "127.0.0.1",
        "POST",
        "/v1/chat/completions",
        model="x\0" + "y" * 999,
        error=f"refused {TOKEN}\n" + "z" * 999,
        queue=0.0124,
        streamed=True,
    )
    row = finished_row(entry)
    assert (row.queue_ms, row.token_ms, row.streamed) == (12, None, 1)
    assert (row.address, row.path, row.caller) == ("127.0.0.1", "/v1/chat/completions", "local")
    assert row.model is not None
    assert len(row.model) == 200
    assert "\0" not in row.model
    assert row.error is not None
    assert row.error.startswith("refused ***")
    assert len(row.error) == 500


def test_an_interrupted_request_has_what_was_known_at_its_beginning():
    entry = RequestLogEntry(
        "127.0.0.1", "POST", "/v1/messages", dialect="messages", model="m", status=200, tokens_in=5
    )
    row, interrupted = asdict(finished_row(entry)), asdict(interrupted_row(entry))
    assert interrupted["outcome"] == "interrupted"
    known = {name for name, value in interrupted.items() if value is not None} - {"outcome"}
    assert known == {"id", "at", "caller", "dialect", "model", "address", "path", "streamed"}
    assert {name: interrupted[name] for name in known} == {name: row[name] for name in known}
