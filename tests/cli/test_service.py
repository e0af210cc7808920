"""`service`: the plan for each kind of system, as it would be carried out."""

import plistlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from copilot_bridge.cli.service import command as service
from copilot_bridge.cli.service.command import PLANS, Machine, kind_of, require_installed
from copilot_bridge.cli.service.files import LABEL, plist
from copilot_bridge.cli.service.machine import is_closed, running_archive
from copilot_bridge.cli.service.steps import KeepFile, LogIn, RemoveFile, RunCommand, WriteFile
from copilot_bridge.errors import ConfigError

HOME = Path("/home/ada")
ROOT = Path(__file__).parents[2]
VERBS = ("install", "uninstall", "start", "stop", "restart", "status", "logs")


def machine(platform="linux", **more):
    usual = {"home": HOME, "root": False, "user": 501, "python": Path("/srv/venv/bin/python")}
    usual["package"] = Path("/srv/venv/lib/copilot_bridge")
    return Machine(platform=platform, **{**usual, "has_systemd": True, **more})


@pytest.mark.parametrize(
    ("where", "scope", "kind"),
    [
        (machine(), None, "systemd of the user"),
        (machine(root=True), None, "systemd"),
        (machine(), "system", "systemd"),
        (machine(root=True), "user", "systemd of the user"),
        (machine("darwin", has_systemd=False), None, "launchd"),
        (machine("win32", has_systemd=False), None, "Windows task"),
    ],
)
def test_each_system_has_its_kind_of_service(where, scope, kind):
    assert kind_of(where, scope) == kind


def test_a_system_without_systemd_is_refused():
    with pytest.raises(ConfigError, match="no systemd"):
        kind_of(machine(has_systemd=False), None)


def test_a_program_in_an_archive_is_not_installed_as_a_service(tmp_path):
    """Its unpacked files are in a cache, and there is no program beside Python."""
    archive = tmp_path / "copilot-bridge.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "")
    assert running_archive(str(archive)) == archive
    with pytest.raises(ConfigError, match=r"installed program.*copilot-bridge\.pyz start"):
        require_installed(machine(archive=archive))


def test_an_installed_program_is_no_archive(tmp_path):
    program, launcher = tmp_path / "copilot-bridge", tmp_path / "copilot-bridge.exe"
    program.write_text("#!/usr/bin/env python3")
    with zipfile.ZipFile(launcher, "w") as file:
        file.writestr("__main__.py", "")
    assert [running_archive(str(path)) for path in (program, launcher)] == [None, None]
    require_installed(machine(archive=None))


@pytest.mark.parametrize("kind", PLANS)
def test_each_kind_of_service_has_every_verb(kind):
    assert tuple(PLANS[kind]) == VERBS
    for verb in VERBS:
        assert PLANS[kind][verb](machine()), verb


@pytest.mark.parametrize("kind", PLANS)
def test_uninstall_removes_what_was_installed_but_the_login(kind):
    steps = PLANS[kind]["install"](machine())
    written = {step.path for step in steps if isinstance(step, WriteFile) and not isinstance(step, KeepFile)}
    removed = {step.path for step in PLANS[kind]["uninstall"](machine()) if isinstance(step, RemoveFile)}
    assert removed == written
    assert kind == "systemd" or any(isinstance(step, KeepFile) and step.path.name == "env" for step in steps)


@pytest.mark.parametrize("kind", ["systemd", "systemd of the user"])
def test_units_name_this_program(kind):
    text = "".join(step.text for step in PLANS[kind]["install"](machine()) if isinstance(step, WriteFile))
    assert "ExecStart=/srv/venv/bin/copilot-bridge start\n" in text
    assert "ExecReload=/srv/venv/bin/python -m copilot_bridge.serving.reload_request $MAINPID\n" in text
    assert "/opt/copilot-bridge" not in text


@pytest.mark.parametrize(
    "what",
    [
        {"python": HOME / "venv/bin/python"},
        {"python": Path("/root/venv/bin/python")},
        {"package": HOME / "checkout/copilot_bridge"},
        {"python": Path("/tmp/venv/bin/python")},
    ],
    ids=str,
)
def test_a_system_service_is_not_planned_for_a_program_it_can_not_reach(what):
    with pytest.raises(ConfigError, match=r"install\.sh"):
        PLANS["systemd"]["install"](machine(**what))


def test_a_system_service_is_not_planned_for_a_python_below_a_closed_folder(tmp_path, monkeypatch):
    """The virtual environment is open to all; the Python that it links to is not."""
    monkeypatch.setattr("copilot_bridge.cli.service.machine.HIDDEN", ())
    closed = [tmp_path / "private"]
    monkeypatch.setattr("copilot_bridge.cli.service.machine.is_closed", lambda folder: folder in closed)
    python = tmp_path / "private/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(python)
    where = machine(python=tmp_path / "venv/bin/python")
    with pytest.raises(ConfigError, match=f"reach {python}: {tmp_path}/private is closed"):
        PLANS["systemd"]["install"](where)
    closed.clear()
    assert PLANS["systemd"]["install"](where)


@pytest.mark.parametrize(("mode", "closed"), [(0o700, True), (0o755, False), (0o711, False)])
def test_a_folder_is_closed_where_others_can_not_enter(tmp_path, mode, closed):
    tmp_path.chmod(mode)
    assert is_closed(tmp_path) is closed
    assert not is_closed(tmp_path / "missing")


def test_the_plan_of_a_user_has_linger_and_a_login():
    steps = [str(step) for step in PLANS["systemd of the user"]["install"](machine())]
    assert "loginctl enable-linger" in steps
    assert steps[-1] == "/srv/venv/bin/copilot-bridge auth, unless a login is stored"


def test_the_plan_of_the_machine_logs_in_as_the_service_s_user():
    last_step = str(PLANS["systemd"]["install"](machine())[-1])
    assert last_step.startswith(
        "runuser -u copilot-bridge -- /srv/venv/bin/copilot-bridge auth --home /var/lib/"
    )


@pytest.mark.parametrize(("stored", "printed"), [("[]", "Log in with: "), ('[{"user": "octo"}]', "")])
def test_a_stored_login_is_not_asked_for_again(tmp_path, capsys, stored, printed):
    program = tmp_path / "copilot-bridge"
    program.write_text(f"#!/bin/sh\necho '{stored}'\n")
    program.chmod(0o700)
    LogIn((str(program), "auth")).run()
    assert capsys.readouterr().out.startswith(printed)
    assert bool(printed) is (stored == "[]")


def test_the_agent_runs_this_program():
    (written,) = (step for step in PLANS["launchd"]["install"](machine()) if type(step) is WriteFile)
    assert written.path == HOME / f"Library/LaunchAgents/{LABEL}.plist"
    content = plistlib.loads(written.text.encode())
    assert content["ProgramArguments"][:2] == ["/srv/venv/bin/copilot-bridge", "start"]


def test_the_task_has_no_window():
    steps = PLANS["Windows task"]["install"](machine())
    (created, run) = (step for step in steps if isinstance(step, RunCommand))
    (written,) = (step for step in steps if type(step) is WriteFile)
    assert "<Command>/srv/venv/bin/pythonw.exe</Command>" in written.text
    assert created.command[-2:] == ("/XML", str(written.path))
    assert run.command == ("schtasks", "/Run", "/TN", "Copilot Bridge")


@pytest.mark.parametrize("verb", VERBS)
def test_a_dry_run_does_nothing(run, monkeypatch, tmp_path, verb):
    def fail(*_args, **_named):
        raise AssertionError("it does something")

    monkeypatch.setattr(service, "Machine", lambda: machine(home=tmp_path / "ada"))
    monkeypatch.setattr(subprocess, "call", fail)
    done = run("service", verb, "--dry-run")
    assert done.code == 0
    assert done.out.startswith("+ ")
    assert not (tmp_path / "ada").exists()


def test_an_installation_is_done_step_by_step(run, monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(service, "Machine", lambda: machine(home=tmp_path))
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    assert run("service", "install").code == 0
    assert (tmp_path / ".config/systemd/user/copilot-bridge.service").exists()
    assert [command[1:3] for command in called] == [
        ("enable-linger",),
        ("--user", "daemon-reload"),
        ("--user", "enable"),
    ]
    assert run("service", "uninstall").code == 0
    assert not (tmp_path / ".config/systemd/user/copilot-bridge.service").exists()


def test_a_step_that_fails_ends_it(run, monkeypatch, tmp_path):
    monkeypatch.setattr(service, "Machine", lambda: machine(home=tmp_path))
    monkeypatch.setattr(subprocess, "call", lambda _command: 5)
    done = run("service", "start")
    assert done.code == 1
    assert "systemctl --user start copilot-bridge.service` has failed (exit code 5)" in done.err


@pytest.mark.parametrize(("kind", "user"), [("agent", None), ("daemon", "you")])
def test_the_plists_beside_the_script_are_the_same(kind, user):
    shipped = (ROOT / "launchd" / f"{LABEL}.{kind}.plist").read_bytes()
    assert shipped.decode() == plist(Path("/opt/copilot-bridge/bin/copilot-bridge"), Path("/Users/you"), user)
    content = plistlib.loads(shipped)
    assert content["Label"] == LABEL
    assert content["RunAtLoad"] is True
    assert content["KeepAlive"] == {"SuccessfulExit": False}
    assert all(isinstance(argument, str) for argument in content["ProgramArguments"])
    assert Path(content["ProgramArguments"][0]).is_absolute(), "launchd knows no PATH of yours"
    assert content.get("UserName") == user
    assert content["ExitTimeOut"] > 30, "longer than streams may go on after a stop"
