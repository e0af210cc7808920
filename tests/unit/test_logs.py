"""One line per request and per message, whatever the values in it hold."""

import errno
import io
import json
import logging
import os
import re
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge import logs
from copilot_bridge.errors import ConfigError, UpstreamRefused
from copilot_bridge.logs import FIELDS, Journal, Json, LogFile, Plain, Record, set_up
from copilot_bridge.store.requests import COLUMNS

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


@pytest.fixture(autouse=True)
def _restored():
    """The handlers and levels that pytest had set."""
    root, ours = logging.getLogger(), logging.getLogger("copilot_bridge")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before
    logging.getLogger("copilot_bridge").setLevel(before[2])
    root.setLevel(before[1])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def log_record(message, *args, level=logging.WARNING, exc_info=None, request=None):
    record = logging.LogRecord("copilot_bridge.test", level, __file__, 1, message, args, exc_info)
    if request:
        record.request = request
    return record


def done(**values):
    record = Record("127.0.0.1", "POST", "/v1/chat/completions", id="0a1b2c3d-0000-4000-8000-000000000000")
    for name, value in values.items():
        setattr(record, name, value)
    return record


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


FORMATTERS = [Plain(), Json()]


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["plain", "json"])
@pytest.mark.parametrize("value", NASTY)
def test_a_value_can_not_forge_a_line(formatter, value):
    lines = [
        formatter.format(log_record("it said %s", value)),
        formatter.format(log_record(f"it said {value}")),
        formatter.format(log_record("request", request=done(path=f"/v1/{value}", status=404))),
        formatter.format(log_record("request", request=done(model=value, status=404))),
        formatter.format(log_record("request", request=done(error=value, outcome="internal"))),
        formatter.format(log_record("request", request=done(caller=value))),
    ]
    for line in lines:
        assert not CONTROL.search(line), line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["plain", "json"])
def test_secrets(formatter):
    lines = [
        formatter.format(log_record("sent %s", {"Authorization": f"token {TOKEN}"})),
        formatter.format(log_record("sent %(authorization)s", {"authorization": TOKEN})),
        formatter.format(log_record(f"proxy http://me:{TOKEN}@proxy")),
        formatter.format(log_record("failed", exc_info=raised(ValueError(f"access_token={TOKEN}")))),
        formatter.format(log_record("request", request=done(error=f"refused {TOKEN}", model=TOKEN))),
        formatter.format(log_record("request", request=done(path=f"/v1/{TOKEN}"))),
    ]
    for line in lines:
        assert "EXAMPLE" not in line, line
        assert "***" in line


def test_a_message_as_json():
    line = Json().format(log_record("can't read %s", "x.json"))
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {"level": "warning", "event": "copilot_bridge.test", "message": "can't read x.json"}


def test_a_request_as_json():
    record = done(dialect="chat", model="gpt-4o", status=200)
    record.first_byte()
    record.count({"prompt_tokens": 910, "completion_tokens": 61})
    told = json.loads(Json().format(log_record("request", request=record, level=logging.INFO)))
    assert told.pop("time")
    assert told.pop("ms") >= told.pop("first_byte_ms") >= 0
    assert told == {
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


def test_what_is_unknown_is_left_out():
    told = json.loads(Json().format(log_record("request", request=done())))
    assert not {"model", "status", "tokens_in", "first_byte_ms", "error"} & told.keys()
    assert told.keys() - {"time", "level", "event"} <= set(FIELDS)


@pytest.mark.parametrize("size", range(1, 60))
def test_the_cost_however_it_is_cut(size):
    sent = b'data: {"x": 1, "copilot_usage": {"total_nano_aiu" : 172800001}, "y": 7}\n\n'
    for start in range(size):
        record = done()
        pieces = [sent[:start], *(sent[at : at + size] for at in range(start, len(sent), size))]
        for piece in pieces:
            record.count_cost(piece)
            assert record.cost in (None, 0.172800001)
        assert record.cost == 0.172800001


def test_the_cost_in_two_pieces():
    sent = b'{"copilot_usage":{"token_details":[],"total_nano_aiu":172800000}}'
    for at in range(len(sent) + 1):
        record = done()
        record.count_cost(sent[:at])
        record.count_cost(sent[at:])
        assert record.cost == 0.1728


def test_a_row_for_the_store():
    record = done(
        model="x\0" + "y" * 999, error=f"refused {TOKEN}\n" + "z" * 999, queue=0.0124, streamed=True
    )
    row = dict(zip(COLUMNS, record.row(), strict=True))
    assert (row["queue_ms"], row["token_ms"], row["streamed"]) == (12, None, 1)
    assert (row["address"], row["path"], row["caller"]) == ("127.0.0.1", "/v1/chat/completions", "local")
    assert len(row["model"]) == 200
    assert "\0" not in row["model"]
    assert row["error"].startswith("refused ***")
    assert len(row["error"]) == 500
    cut = dict(zip(COLUMNS, record.row_if_cut(), strict=True))
    same = ("id", "at", "model", "address", "path", "streamed")
    assert {name: cut[name] for name in same} == {name: row[name] for name in same}
    assert {cut[name] for name in COLUMNS[10:20]} == {None}
    assert cut["outcome"] == "cut"


def test_an_exception_as_json():
    line = Json().format(log_record("failed", exc_info=raised(ValueError("why\nindeed"))))
    told = json.loads(line)
    assert "\n" not in line
    assert told["message"] == "failed"
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("ValueError: why\nindeed")


@given(st.text(), st.text())
def test_a_client_can_not_break_the_json(model, path):
    for value in (model, f"token=abcdefgh{model}", f'"tid=abc{model}"'):
        line = Json().format(log_record("request", request=done(model=value, path=path)))
        assert json.loads(line)["event"] == "request.done"


def test_a_client_can_not_add_fields_to_the_json():
    model = 'token=abcdefgh","status":200,"x":"'
    told = json.loads(Json().format(log_record("request", request=done(model=model, status=404))))
    assert told["status"] == 404
    assert "x" not in told


def test_bytes_of_a_path_that_are_no_text():
    """The name of a file, as Python gives it: its bytes that are no UTF-8 as surrogates."""
    path = b"/home/j\xf6rg/logins.json".decode("utf-8", "surrogateescape")
    told = json.loads(Json().format(log_record("can't read %s", path)))
    assert told["message"].startswith("can't read /home/j")


def test_sentences():
    stamp = r"\d\d:\d\d:\d\d "
    record = done(model="gpt-4o", status=200, tokens_in=910, tokens_out=61, began=0.0, first_byte_at=0.812)
    line = Plain().format(log_record("request", request=record, level=logging.INFO))
    assert re.fullmatch(
        stamp + r"INFO    POST /v1/chat/completions gpt-4o 200 ok "
        r"\(910>61 tokens, first byte 812 ms, \d+ ms\) 127.0.0.1 0a1b2c3d",
        line,
    )
    failed = done(status=429)
    failed.failed(UpstreamRefused("weekly limit", kind="rate_limited"))
    line = Plain().format(log_record("request", request=failed))
    assert re.fullmatch(
        stamp
        + r"WARNING POST /v1/chat/completions 429 rate_limited \(\d+ ms\) 127.0.0.1 0a1b2c3d: weekly limit",
        line,
    )


def test_an_exception_on_a_terminal():
    line = Plain().format(log_record("failed", exc_info=raised(ValueError("why"))))
    first, second, *_, last = line.splitlines()
    assert first.endswith("failed")
    assert second.strip().startswith("Traceback")
    assert last.strip() == "ValueError: why"


def test_an_exception_can_not_forge_a_line_on_a_terminal():
    forged = "12:03:04 ERROR   all is lost"
    line = Plain().format(log_record("failed", exc_info=raised(ValueError(f"why\n{forged}"))))
    assert forged not in line.splitlines()


def test_record_times():
    record = done()
    assert record.first_byte_ms is None
    record.first_byte()
    at = record.first_byte_at
    record.first_byte()
    assert record.first_byte_at == at


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"prompt_tokens": 3}, (3, None)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
    ],
)
def test_counting(usage, counted):
    record = done()
    record.count(usage)
    assert (record.tokens_in, record.tokens_out) == counted


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_levels(level):
    stream = io.StringIO()
    set_up(level, stream=stream)
    for each in ("debug", "info", "warning", "error"):
        logging.getLogger("copilot_bridge.x").log(getattr(logging, each.upper()), "ours %s", each)
        logging.getLogger("urllib3").log(getattr(logging, each.upper()), "theirs %s", each)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    levels = ["debug", "info", "warning", "error"]
    ours = [each["level"] for each in told if each["event"] == "copilot_bridge.x"]
    assert ours == levels[levels.index(level) :]
    assert [each["level"] for each in told if each["event"] == "urllib3"] == ["warning", "error"]


def test_debug_is_for_the_libraries_too():
    stream = io.StringIO()
    set_up("error", debug=True, stream=stream)
    logging.getLogger("urllib3").debug("theirs")
    logging.getLogger("copilot_bridge").debug("ours")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["theirs", "ours"]


def test_plain_on_a_terminal_and_json_elsewhere(capsys):
    terminal = Terminal()
    set_up("info", stream=terminal)
    done(status=200).write()
    assert re.match(r"\d\d:\d\d:\d\d INFO    POST", terminal.getvalue())
    set_up("info")
    done(status=200).write()
    assert json.loads(capsys.readouterr().err)["event"] == "request.done"


def test_a_quiet_request_is_not_written():
    stream = io.StringIO()
    set_up("info", stream=stream)
    quiet = done(status=200)
    quiet.level = logging.DEBUG
    quiet.write()
    assert not stream.getvalue()


def test_set_up_again_does_not_write_twice():
    stream = io.StringIO()
    set_up("info", stream=stream)
    set_up("info", stream=stream)
    logs.log.info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_a_refusal_that_may_quote_the_prompt_is_logged_by_its_code_alone():
    from copilot_bridge.upstream.error_mapping import read_refusal

    record = Record("127.0.0.1", "POST", "/v1/chat/completions")
    record.failed(read_refusal(400, {}, b'{"error":{"message":"bad: MY SECRET PROMPT","code":"bad_input"}}'))
    assert (record.outcome, record.error) == ("invalid_request", "bad_input")


def line_of(level, text, error=None):
    return logging.LogRecord("copilot_bridge", level, "", 0, text, (), error)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (25, 6)],
)
def test_the_journal_is_told_the_level(level, priority):
    assert Journal().format(line_of(level, "all is well")) == f"<{priority}>all is well"


def test_a_traceback_in_the_journal_has_its_level_on_each_line():
    try:
        raise ValueError("x")
    except ValueError:
        text = Journal().format(line_of(logging.ERROR, "oh no", sys.exc_info()))
    assert len(text.splitlines()) > 2
    assert all(line.startswith("<3>") for line in text.splitlines())


@pytest.mark.parametrize("named", [True, False])
def test_the_journal_is_known_by_its_inode(tmp_path, monkeypatch, named):
    with (tmp_path / "stream").open("w+") as stream:
        status = os.fstat(stream.fileno())
        inode = status.st_ino if named else status.st_ino + 1
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{inode}")
        set_up("info", stream=stream)
        logging.getLogger("copilot_bridge").info("hello")
        stream.seek(0)
        assert stream.read().startswith("<6>hello" if named else '{"time"')


def test_a_full_log_file_is_renamed(tmp_path):
    handler = LogFile(tmp_path / "log", most=100, kept=2)
    for number in range(8):
        handler.emit(line_of(logging.INFO, f"{number} {'x' * 60}"))
    handler.close()
    held = {each.name: [line[0] for line in each.read_text().splitlines()] for each in tmp_path.glob("log*")}
    held.pop("log.lock", None)
    assert held == {"log.2": ["2", "3"], "log.1": ["4", "5"], "log": ["6", "7"]}
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_many_write_to_one_log_file_and_no_line_is_lost(tmp_path):
    handlers = [LogFile(tmp_path / "log", most=1000, kept=100) for _ in range(4)]

    def write(handler):
        for _ in range(100):
            handler.emit(line_of(logging.INFO, "x" * 49))
        handler.close()

    threads = [threading.Thread(target=write, args=(each,)) for each in handlers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = [each for each in tmp_path.glob("log*") if each.suffix != ".lock"]
    assert sum(len(each.read_text().splitlines()) for each in files) == 400
    assert len(files) > 15


def test_a_log_file_that_can_not_be(tmp_path):
    with pytest.raises(ConfigError, match=r"can't write the log to .*: No such file or directory"):
        LogFile(tmp_path / "none" / "log")


class FullDisk(io.StringIO):
    def __init__(self, file):
        super().__init__()
        self.fileno = file.fileno

    def write(self, _text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_lines_of_the_log_and_nothing_else(tmp_path, capsys):
    handler = LogFile(tmp_path / "log")
    with handler.stream as file:
        handler.stream = FullDisk(file)
        handler.emit(line_of(logging.INFO, "lost"))
    assert capsys.readouterr() == ("", "")
    handler.close()
