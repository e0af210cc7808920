"""`service` on macOS and Windows, played: launchctl and schtasks are programs of ours that do what the real
ones are documented to do, with a state that lasts."""

import http.server
import json
import os
import plistlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from integration.harness import PATIENCE, ROOT, environment
from processes import spawn

from copilot_bridge.cli.service import command as service
from copilot_bridge.cli.service import steps
from copilot_bridge.cli.service.command import Machine
from copilot_bridge.cli.service.launchd import agent
from copilot_bridge.cli.service.systemd import user_settings
from copilot_bridge.cli.service.windows import folder_on_windows
from copilot_bridge.config.sources import read_env_file
from copilot_bridge.redaction import Secret
from copilot_bridge.serving.handover import EXIT_WITH_STDIN
from copilot_bridge.store import open_store

PLAYED = Path(__file__).parent / "played"
# The programs are written in Python, and others than this one may take longer to start.
PATH = os.pathsep.join((str(PLAYED), str(Path(sys.executable).parent), os.environ["PATH"]))
PORT = "COPILOT_BRIDGE_PORT=5000\n"


class Played:
    """:ivar machine: what the command takes itself to be on."""

    def __init__(self, run, monkeypatch, folder, platform):
        known = {
            "root": False,
            "user": 501,
            "account": "WORK\\ada & co",
            "has_systemd": False,
            "python": PLAYED / "python",
        }
        self.machine = Machine(platform=platform, home=folder / "ada", **known)
        self._run, self._state = run, folder / "state.json"
        monkeypatch.setattr(service, "Machine", lambda: self.machine)
        monkeypatch.setattr(steps, "RETRY_INTERVAL", 0.02)

    def __call__(self, verb):
        self.out(verb)
        return self.state

    def out(self, verb):
        done = self._run("service", verb, PATH=PATH, PLAYED=str(self._state))
        assert done.code == 0, done
        return done.out

    @property
    def state(self):
        return json.loads(self._state.read_text())


@pytest.fixture
def mac(run, monkeypatch, tmp_path):
    return Played(run, monkeypatch, tmp_path, "darwin")


@pytest.fixture
def windows(run, monkeypatch, tmp_path):
    return Played(run, monkeypatch, tmp_path, "win32")


def test_launchd_can_be_installed_twice(mac):
    """The second time it runs already, and `bootout` comes back before it is gone."""
    assert mac("install")["running"]
    assert mac("install")["running"]
    assert len(mac.state["runs"]) == 2


def test_the_program_itself_says_whether_a_login_is_stored(mac, home):
    mac.machine = replace(mac.machine, python=Path(sys.executable))
    assert f"Log in with: {mac.machine.program} auth" in mac.out("install")
    store = open_store(home)
    store.logins.add("octo", Secret("ghu_x"), "https://api.github.com")
    store.close()
    assert "Log in" not in mac.out("install")


def test_launchd_reads_new_settings_at_a_restart(mac):
    mac("install")
    settings = user_settings(mac.machine)
    assert "COPILOT_BRIDGE" in settings.read_text()
    assert settings.stat().st_mode & 0o777 == 0o600
    settings.write_text(PORT)
    assert mac("restart")["runs"][-1] == PORT


def test_launchd_settings_survive_an_installation(mac):
    mac("install")
    user_settings(mac.machine).write_text(PORT)
    assert mac("install")["runs"][-1] == PORT
    assert PORT not in agent(mac.machine).read_text()
    assert mac("uninstall")["loaded"] is None
    assert user_settings(mac.machine).read_text() == PORT


def test_launchd_settings_of_an_earlier_version_are_taken_over(mac):
    """They stood in the agent's file, which is written anew."""
    plist = agent(mac.machine)
    plist.parent.mkdir(parents=True)
    given = {"COPILOT_BRIDGE_PORT": "5000", "COPILOT_BRIDGE_API_KEY": 'it\'s "mine" \\ $HOME'}
    old = {"COPILOT_BRIDGE_ENV_FILE": "", **given}
    plist.write_bytes(plistlib.dumps({"Label": "x", "EnvironmentVariables": old}))
    assert 'COPILOT_BRIDGE_PORT="5000"' in mac("install")["runs"][-1]
    assert read_env_file(user_settings(mac.machine)) == given


def test_launchd_stop_and_start(mac):
    mac("install")
    assert not mac("stop")["running"]
    assert mac("start")["running"]


def minute(windows):
    """What the trigger's repetition does: it starts what does not run, unless that is disabled."""
    state = windows.state
    if state["enabled"] and state["task"].get("Interval") and not state.get("running"):
        subprocess.run(
            ["schtasks", "/Run", "/TN", "Copilot Bridge"],
            env={"PATH": PATH, "PLAYED": str(windows._state)},
            check=True,
        )
    return windows.state


def test_a_task_that_has_crashed_is_started_again_and_one_that_was_stopped_is_not(windows):
    windows("install")
    crashed = windows.state | {"running": False}
    windows._state.write_text(json.dumps(crashed))
    assert minute(windows)["running"]
    assert not windows("stop")["running"]
    assert not minute(windows)["running"]
    assert windows("start")["running"]
    assert len(windows("restart")["runs"]) == 4


def test_the_task_runs_on_batteries_and_has_no_end(windows):
    task = windows("install")["task"]
    assert task["DisallowStartIfOnBatteries"] == task["StopIfGoingOnBatteries"] == "false"
    assert task["ExecutionTimeLimit"] == "PT0S", "or it ends after three days"
    assert task["MultipleInstancesPolicy"] == "IgnoreNew", "the trigger tries each minute"
    assert task["UserId"] == "WORK\\ada & co"
    assert task["RunLevel"] == "LeastPrivilege"


def test_a_task_reads_its_settings_at_each_start(windows):
    windows("install")
    settings = folder_on_windows(windows.machine) / "env"
    settings.write_text(PORT)
    assert windows("restart")["runs"][-1] == PORT
    assert windows("install")["runs"][-1] == PORT, "they are the user's own"
    assert windows("uninstall")["task"] is None
    assert settings.exists()


def test_the_script_and_the_command_define_the_same_task(windows):
    """What the PowerShell script says of batteries, of its end and of the trigger is in the XML, too."""
    script = (ROOT / "windows/copilot-bridge-service.ps1").read_text()
    windows("install")
    text = (folder_on_windows(windows.machine) / "task.xml").read_text(encoding="utf-16")
    assert ElementTree.fromstring(text.partition("?>")[2].strip()) is not None
    for words in ("-AllowStartIfOnBatteries", "-DontStopIfGoingOnBatteries", "IgnoreNew", "env-file", "PT1M"):
        assert words in script
    assert "4141" not in script.replace("else { 4141 }", ""), "the port is a setting"


class Responding(http.server.BaseHTTPRequestHandler):
    """A bridge, as far as `/readyz` goes.  `said`: (status, content); none: it stays mute."""

    said: tuple[int, object] | None = None
    authorizations: ClassVar[list[str | None]] = []

    def do_GET(self):
        self.authorizations.append(self.headers["Authorization"])
        if self.said is None:
            time.sleep(1.5)
            return
        status, content = self.said
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...


@pytest.fixture
def answering(monkeypatch):
    monkeypatch.setattr(Responding, "authorizations", [])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Responding)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


CONDITIONS = [
    ((200, {"state": "ready"}), "ready"),
    ((200, {"state": "ready", "store": "read only", "reason": "x"}), "ready (the store is read only)"),
    ((503, {"state": "login needed", "reason": "nobody is logged in"}), "login needed: nobody is logged in"),
    ((503, {"state": "waiting for GitHub", "reason": "\x1b[2Jdown"}), "waiting for GitHub: "),
    ((200, {"fine": True}), "the bridge does not report its state: "),
    ((404, []), "the bridge does not report its state: "),
    (None, "the bridge does not report its state: no response within 1 s"),
]


@pytest.mark.parametrize(("condition", "printed"), CONDITIONS)
def test_status_shows_the_condition_of_the_bridge(mac, answering, monkeypatch, condition, printed):
    monkeypatch.setattr(Responding, "said", condition)
    mac("install")
    lines = f"COPILOT_BRIDGE_PORT={answering}\nCOPILOT_BRIDGE_API_KEY=abc-abc-abc-abc-abc\n"
    user_settings(mac.machine).write_text(lines)
    said_last = mac.out("status").splitlines()[-1]
    assert printed in said_last
    assert "\x1b" not in said_last
    assert Responding.authorizations == ["Bearer abc-abc-abc-abc-abc"]


def test_status_of_a_task_with_settings_of_its_own(windows, answering, monkeypatch):
    monkeypatch.setattr(Responding, "said", (503, {"state": "starting"}))
    windows("install")
    (folder_on_windows(windows.machine) / "env").write_text(f"COPILOT_BRIDGE_PORT={answering}\n")
    assert windows.out("status").endswith(f"http://127.0.0.1:{answering}: starting\n")


def test_status_says_that_nothing_listens_or_settings_are_wrong(mac):
    mac("install")
    user_settings(mac.machine).write_text("COPILOT_BRIDGE_PORT=1\n")
    assert "the bridge does not report its state: can't reach" in mac.out("status")
    user_settings(mac.machine).write_text("COPILOT_BRIDGE_PORT=many\n")
    assert "port: 'many'" in mac.out("status")


def test_the_server_ends_with_the_process_that_the_task_has_started(tmp_path):
    """`schtasks /End` ends that one alone."""
    environ = environment(tmp_path) | {"COPILOT_BRIDGE_HOME": str(tmp_path), "COPILOT_BRIDGE_PORT": "0"}
    server = spawn(
        [sys.executable, "-m", "copilot_bridge.serving.gevent_server"],
        env=environ | {EXIT_WITH_STDIN: "1", "COPILOT_BRIDGE_ENV_FILE": ""},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(0.5)
    assert server.poll() is None
    assert server.stdin is not None
    server.stdin.close()  # as when its parent has been killed
    assert server.wait(PATIENCE) == 1
    server.stderr.close()
