"""The log file: rotated by size, written by several processes, harmless on a full disk."""

import errno
import io
import logging
import threading

import pytest

from copilot_bridge.errors import ConfigError
from copilot_bridge.logs.rotating_file import RotatingLogFile


def record_of(level, text, error=None):
    return logging.LogRecord("copilot_bridge", level, "", 0, text, (), error)


def test_a_full_log_file_is_renamed(tmp_path):
    handler = RotatingLogFile(tmp_path / "log", max_size=100, kept=2)
    for number in range(8):
        handler.emit(record_of(logging.INFO, f"{number} {'x' * 60}"))
    handler.close()
    held = {path.name: [line[0] for line in path.read_text().splitlines()] for path in tmp_path.glob("log*")}
    held.pop("log.lock", None)
    assert held == {"log.2": ["2", "3"], "log.1": ["4", "5"], "log": ["6", "7"]}
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_many_write_to_one_log_file_and_no_line_is_lost(tmp_path):
    handlers = [RotatingLogFile(tmp_path / "log", max_size=1000, kept=100) for _ in range(4)]

    def write(handler):
        for _ in range(100):
            handler.emit(record_of(logging.INFO, "x" * 49))
        handler.close()

    threads = [threading.Thread(target=write, args=(handler,)) for handler in handlers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = [path for path in tmp_path.glob("log*") if path.suffix != ".lock"]
    assert sum(len(file.read_text().splitlines()) for file in files) == 400
    assert len(files) > 15


def test_a_log_file_that_can_not_be(tmp_path):
    with pytest.raises(ConfigError, match=r"can't write the log to .*: No such file or directory"):
        RotatingLogFile(tmp_path / "none" / "log")


class FullDisk(io.StringIO):
    def __init__(self, file):
        super().__init__()
        self.fileno = file.fileno

    def write(self, _text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_lines_of_the_log_and_nothing_else(tmp_path, capsys):
    handler = RotatingLogFile(tmp_path / "log")
    with handler.stream as file:
        handler.stream = FullDisk(file)
        handler.emit(record_of(logging.INFO, "lost"))
    assert capsys.readouterr() == ("", "")
    handler.close()
