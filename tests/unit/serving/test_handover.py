"""The handover from one process to the next, and from systemd."""

import os
import sys

import pytest

from copilot_bridge.serving.handover import Handover, StartCommand
from copilot_bridge.serving.reload_request import DONE, ReloadRequest


def test_sockets_of_systemd_are_taken_from_the_environment():
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b", "LANG": "C"}
    assert Handover.take_from(environ) == Handover([3, 4])
    assert environ == {"LANG": "C"}, "a child must not take them for its own"


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}])
def test_sockets_for_another_process_are_ignored(environ):
    assert Handover.take_from(environ) == Handover()
    assert environ == {}


def test_a_handover_survives_the_environment():
    handover = Handover([7], [101, 102])
    environ = handover.variables()
    assert Handover.take_from(environ) == handover
    assert environ == {}


def test_the_start_command_keeps_the_links_in_its_path(monkeypatch, tmp_path):
    """A link may lead elsewhere after an upgrade."""
    (tmp_path / "release").mkdir()
    program = tmp_path / "release" / "copilot-bridge"
    program.touch(0o755)
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["current/copilot-bridge", "start", "--port", "0"])
    command = StartCommand.of_this_process()
    assert command.command == [str(tmp_path / "current" / "copilot-bridge"), "start", "--port", "0"]
    assert StartCommand.take_from(command.variables()) == command


def test_a_module_is_started_again_as_a_module(monkeypatch, tmp_path):
    (tmp_path / "__main__.py").touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "__main__.py"), "start"])
    assert StartCommand.of_this_process().command == [sys.executable, "-m", "copilot_bridge", "start"]


def test_a_reload_takes_new_settings_and_keeps_the_variables_of_systemd():
    command = StartCommand(
        ["x"], {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "1", "COPILOT_BRIDGE_WORKERS": "1"}
    )
    again = command.with_environ({"COPILOT_BRIDGE_WORKERS": "2", "WATCHDOG_PID": "1", "WATCHDOG_USEC": "9"})
    assert again.environ == {
        "COPILOT_BRIDGE_WORKERS": "2",
        "NOTIFY_SOCKET": "@a",
        "WATCHDOG_USEC": "1",
    }


def test_a_reload_request_is_private_and_claimed_once(tmp_path):
    request = ReloadRequest({"RUNTIME_DIRECTORY": str(tmp_path)})
    request.report("an old result")
    request.submit({"GH_TOKEN": "x"})
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert request.result() is None
    assert request.claim() == {"GH_TOKEN": "x"}
    assert request.claim() is None
    request.report(DONE)
    assert request.result() == DONE


def test_without_a_runtime_directory_a_reload_is_a_signal_alone():
    request = ReloadRequest({})
    request.submit({"A": "b"})
    assert request.claim() is None
    request.report("lost")
    assert request.result() == DONE


def test_after_a_reload_the_log_still_knows_its_journal():
    """Who asks for a reload has another stream than the service."""
    command = StartCommand(["x"], {"JOURNAL_STREAM": "9:1"})
    assert command.with_environ({"JOURNAL_STREAM": "9:2"}).environ == {"JOURNAL_STREAM": "9:1"}
