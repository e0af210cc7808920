"""The level, the stream and the form of the log."""

import io
import json
import logging
import os
import re

import pytest
from unit.logs.records import log_entry

from copilot_bridge.logs.setup import set_up_logging


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


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_lines_below_the_level_are_not_logged(level):
    stream = io.StringIO()
    set_up_logging(level, stream=stream)
    for name in ("debug", "info", "warning", "error"):
        logging.getLogger("copilot_bridge.x").log(getattr(logging, name.upper()), "ours %s", name)
        logging.getLogger("urllib3").log(getattr(logging, name.upper()), "theirs %s", name)
    fields = [json.loads(line) for line in stream.getvalue().splitlines()]
    levels = ["debug", "info", "warning", "error"]
    ours = [field["level"] for field in fields if field["event"] == "copilot_bridge.x"]
    assert ours == levels[levels.index(level) :]
    assert [field["level"] for field in fields if field["event"] == "urllib3"] == ["warning", "error"]


def test_debug_is_for_the_libraries_too():
    stream = io.StringIO()
    set_up_logging("error", debug=True, stream=stream)
    logging.getLogger("urllib3").debug("theirs")
    logging.getLogger("copilot_bridge").debug("ours")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["theirs", "ours"]


def test_terminals_get_plain_text_and_files_json(capsys):
    terminal = Terminal()
    set_up_logging("info", stream=terminal)
    log_entry(status=200).write()
    assert re.match(r"\d\d:\d\d:\d\d INFO    POST", terminal.getvalue())
    set_up_logging("info")
    log_entry(status=200).write()
    assert json.loads(capsys.readouterr().err)["event"] == "request.done"


def test_a_quiet_request_is_not_written():
    stream = io.StringIO()
    set_up_logging("info", stream=stream)
    quiet = log_entry(status=200)
    quiet.level = logging.DEBUG
    quiet.write()
    assert not stream.getvalue()


def test_set_up_again_does_not_write_twice():
    stream = io.StringIO()
    set_up_logging("info", stream=stream)
    set_up_logging("info", stream=stream)
    logging.getLogger("copilot_bridge.request").info("once")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("named", [True, False])
def test_the_journal_is_known_by_its_inode(tmp_path, monkeypatch, named):
    with (tmp_path / "stream").open("w+") as stream:
        status = os.fstat(stream.fileno())
        inode = status.st_ino if named else status.st_ino + 1
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{inode}")
        set_up_logging("info", stream=stream)
        logging.getLogger("copilot_bridge").info("hello")
        stream.seek(0)
        assert stream.read().startswith("<6>hello" if named else '{"time"')
