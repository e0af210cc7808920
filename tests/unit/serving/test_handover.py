"""What is left to the next process, and what systemd leaves."""

import os
import sys

import pytest

from copilot_bridge.serving.handover import Inheritance, Started
from copilot_bridge.serving.orders import DONE, Orders


def test_sockets_of_systemd():
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b", "LANG": "C"}
    assert Inheritance.taken_from(environ) == Inheritance([3, 4])
    assert environ == {"LANG": "C"}, "a child must not take them for its own"


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}])
def test_sockets_of_others(environ):
    assert Inheritance.taken_from(environ) == Inheritance()
    assert environ == {}


def test_what_a_server_leaves():
    left = Inheritance([7], [101, 102])
    environ = left.variables()
    assert Inheritance.taken_from(environ) == left
    assert environ == {}


def test_the_command_is_remembered(monkeypatch, tmp_path):
    """By its name: a link in it may lead elsewhere the next time."""
    (tmp_path / "release").mkdir()
    program = tmp_path / "release" / "copilot-bridge"
    program.touch(0o755)
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["current/copilot-bridge", "start", "--port", "0"])
    started = Started.now()
    assert started.command == [str(tmp_path / "current" / "copilot-bridge"), "start", "--port", "0"]
    assert Started.taken_from(started.variables()) == started


def test_a_module_is_called_again_as_one(monkeypatch, tmp_path):
    (tmp_path / "__main__.py").touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "__main__.py"), "start"])
    assert Started.now().command == [sys.executable, "-m", "copilot_bridge", "start"]


def test_new_settings_and_old_ties():
    started = Started(["x"], {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "1", "COPILOT_BRIDGE_WORKERS": "1"})
    again = started.once_more({"COPILOT_BRIDGE_WORKERS": "2", "WATCHDOG_PID": "1", "WATCHDOG_USEC": "9"})
    assert again.environ == {
        "COPILOT_BRIDGE_WORKERS": "2",
        "NOTIFY_SOCKET": "@a",
        "WATCHDOG_USEC": "1",
    }


def test_an_order_is_taken_once_and_private(tmp_path):
    orders = Orders({"RUNTIME_DIRECTORY": str(tmp_path)})
    orders.answer("an old one")
    orders.give({"GH_TOKEN": "x"})
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert orders.answered() is None
    assert orders.take() == {"GH_TOKEN": "x"}
    assert orders.take() is None
    orders.answer(DONE)
    assert orders.answered() == DONE


def test_without_a_runtime_directory_there_is_only_the_signal():
    orders = Orders({})
    orders.give({"A": "b"})
    assert orders.take() is None
    orders.answer("lost")
    assert orders.answered() == DONE


def test_after_a_reload_the_log_still_knows_its_journal():
    """Who asks for a reload has another stream than the service."""
    started = Started(["x"], {"JOURNAL_STREAM": "9:1"})
    assert started.once_more({"JOURNAL_STREAM": "9:2"}).environ == {"JOURNAL_STREAM": "9:1"}
