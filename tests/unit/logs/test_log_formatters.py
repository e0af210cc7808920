"""The formatters: one line per request and per message, whatever the values in it hold."""

import json
import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.logs.records import log_entry, log_record

from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.logs.entry import FIELDS
from copilot_bridge.logs.formatters import JsonFormatter, PlainFormatter, SystemdFormatter

TOKEN = "ghu_EXAMPLE0000000000000000000000000000"


NASTY = [
    "a\nb",
    "a\r\nb",
    "a\x0bb",
    "a\x0cb",
    "a\x85b",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred",
    "\x1b]0;title\x07",
    "a\x00b",
    "a\x7f\x08b",
]


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


FORMATTERS = [PlainFormatter(), JsonFormatter()]


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["plain", "json"])
@pytest.mark.parametrize("value", NASTY)
def test_a_value_can_not_forge_a_line(formatter, value):
    lines = [
        formatter.format(log_record("it said %s", value)),
        formatter.format(log_record(f"it said {value}")),
        formatter.format(log_record("request", request=log_entry(path=f"/v1/{value}", status=404))),
        formatter.format(log_record("request", request=log_entry(model=value, status=404))),
        formatter.format(log_record("request", request=log_entry(error=value, outcome="internal"))),
        formatter.format(log_record("request", request=log_entry(caller=value))),
    ]
    for line in lines:
        assert not CONTROL.search(line), line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["plain", "json"])
def test_secrets_are_hidden(formatter):
    lines = [
        formatter.format(log_record("sent %s", {"Authorization": f"token {TOKEN}"})),
        formatter.format(log_record("sent %(authorization)s", {"authorization": TOKEN})),
        formatter.format(log_record(f"proxy http://me:{TOKEN}@proxy")),
        formatter.format(log_record("failed", exc_info=raised(ValueError(f"access_token={TOKEN}")))),
        formatter.format(log_record("request", request=log_entry(error=f"refused {TOKEN}", model=TOKEN))),
        formatter.format(log_record("request", request=log_entry(path=f"/v1/{TOKEN}"))),
    ]
    for line in lines:
        assert "EXAMPLE" not in line, line
        assert "***" in line


def test_a_message_is_one_json_object():
    line = JsonFormatter().format(log_record("can't read %s", "x.json"))
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("time"))
    assert fields == {"level": "warning", "event": "copilot_bridge.test", "message": "can't read x.json"}


def test_a_request_is_one_json_object():
    entry = log_entry(dialect="chat", model="gpt-4o", status=200)
    entry.note_first_byte()
    entry.note_usage({"prompt_tokens": 910, "completion_tokens": 61})
    fields = json.loads(JsonFormatter().format(log_record("request", request=entry, level=logging.INFO)))
    assert fields.pop("time")
    assert fields.pop("ms") >= fields.pop("first_byte_ms") >= 0
    assert fields == {
        "level": "info",
        "event": "request.done",
        "id": "0a1b2c3d-0000-4000-8000-000000000000",
        "caller": "127.0.0.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "dialect": "chat",
        "model": "gpt-4o",
        "status": 200,
        "tokens_in": 910,
        "tokens_out": 61,
        "outcome": "ok",
    }


def test_unknown_fields_are_left_out():
    fields = json.loads(JsonFormatter().format(log_record("request", request=log_entry())))
    assert not {"model", "status", "tokens_in", "first_byte_ms", "error"} & fields.keys()
    assert fields.keys() - {"time", "level", "event"} <= set(FIELDS)


def test_json_has_an_exception_on_one_line():
    line = JsonFormatter().format(log_record("failed", exc_info=raised(ValueError("why\nindeed"))))
    fields = json.loads(line)
    assert "\n" not in line
    assert fields["message"] == "failed"
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("ValueError: why\nindeed")


@given(st.text(), st.text())
def test_a_client_can_not_break_the_json(model, path):
    for value in (model, f"token=abcdefgh{model}", f'"tid=abc{model}"'):
        line = JsonFormatter().format(log_record("request", request=log_entry(model=value, path=path)))
        assert json.loads(line)["event"] == "request.done"


def test_a_client_can_not_add_fields_to_the_json():
    model = 'token=abcdefgh","status":200,"x":"'
    fields = json.loads(
        JsonFormatter().format(log_record("request", request=log_entry(model=model, status=404)))
    )
    assert fields["status"] == 404
    assert "x" not in fields


def test_a_path_that_is_no_utf_8_is_logged():
    """The name of a file, as Python gives it: its bytes that are no UTF-8 as surrogates."""
    path = b"/home/j\xf6rg/logins.json".decode("utf-8", "surrogateescape")
    fields = json.loads(JsonFormatter().format(log_record("can't read %s", path)))
    assert fields["message"].startswith("can't read /home/j")


def test_plain_text_has_a_request_on_one_line():
    stamp = r"\d\d:\d\d:\d\d "
    entry = log_entry(
        model="gpt-4o", status=200, tokens_in=910, tokens_out=61, started=0.0, first_byte_at=0.812
    )
    line = PlainFormatter().format(log_record("request", request=entry, level=logging.INFO))
    assert re.fullmatch(
        stamp + r"INFO    POST /v1/chat/completions gpt-4o 200 ok "
        r"\(910>61 tokens, first byte 812 ms, \d+ ms\) 127.0.0.1 0a1b2c3d",
        line,
    )
    failed = log_entry(status=429)
    failed.note_error(UpstreamRefused("weekly limit", kind="rate_limited"))
    line = PlainFormatter().format(log_record("request", request=failed))
    assert re.fullmatch(
        stamp
        + r"WARNING POST /v1/chat/completions 429 rate_limited \(\d+ ms\) 127.0.0.1 0a1b2c3d: weekly limit",
        line,
    )


def test_plain_text_has_an_exception_with_its_traceback():
    line = PlainFormatter().format(log_record("failed", exc_info=raised(ValueError("why"))))
    first, second, *_, last = line.splitlines()
    assert first.endswith("failed")
    assert second.strip().startswith("Traceback")
    assert last.strip() == "ValueError: why"


def test_an_exception_can_not_forge_a_line_on_a_terminal():
    forged = "12:03:04 ERROR   all is lost"
    line = PlainFormatter().format(log_record("failed", exc_info=raised(ValueError(f"why\n{forged}"))))
    assert forged not in line.splitlines()


def record_of(level, text, error=None):
    return logging.LogRecord("copilot_bridge", level, "", 0, text, (), error)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (25, 6)],
)
def test_the_journal_gets_the_level(level, priority):
    assert SystemdFormatter().format(record_of(level, "all is well")) == f"<{priority}>all is well"


def test_a_traceback_in_the_journal_has_its_level_on_each_line():
    try:
        raise ValueError("x")
    except ValueError:
        text = SystemdFormatter().format(record_of(logging.ERROR, "oh no", sys.exc_info()))
    assert len(text.splitlines()) > 2
    assert all(line.startswith("<3>") for line in text.splitlines())
