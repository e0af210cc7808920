"""`start` as a user runs it: its output is true, and when it ends, everything ends."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cli.conftest import ANSI, PATIENCE, command
from integration.harness import Lines, Simulator, environment, new_token
from processes import spawn

SERVERS = ("gunicorn", "gevent")


class Started:
    """`start`, until it says that it is up."""

    def __init__(self, cwd: Path, environ: dict[str, str], *arguments: str) -> None:
        self.process = spawn(
            command("start", "--port", "0", *arguments),
            cwd=cwd,
            env=environment(cwd) | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        try:
            self.out.wait_for(lambda line: line.startswith("Ctrl-C stops"), PATIENCE)
        except BaseException:
            self.close()
            raise

    @property
    def text(self) -> str:
        return "".join(self.out.all())

    @property
    def base(self) -> str:
        found = re.search(r"Base URL +(\S+)/v1 ", self.text)
        assert found
        return found[1]

    def post(self, **body: Any) -> requests.Response:
        sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], **body}
        return requests.post(f"{self.base}/v1/chat/completions", json=sent, timeout=PATIENCE)

    def wait_for_import(self) -> None:
        """The server has taken the place of `start`, and is importing its modules."""
        folder = Path(f"/proc/{self.process.pid}")
        end = time.monotonic() + PATIENCE
        while (
            b"--port" in (folder / "cmdline").read_bytes() or "_struct" not in (folder / "maps").read_text()
        ):
            assert time.monotonic() < end
            time.sleep(0.001)

    def family(self) -> list[int]:
        """The children of the process: workers, and the simulator."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def simulator(self) -> int:
        (pid,) = [pid for pid in self.family() if b"simulator" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return pid

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """The exit code and all of stderr."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.err.close()
        return code, "".join(self.err.all())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.err.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    started: list[Started] = []

    def launch(*arguments: str, **environ: str) -> Started:
        environ = {"COPILOT_BRIDGE_HOME": str(tmp_path / "home"), **environ}
        started.append(Started(tmp_path, environ, *arguments))
        return started[-1]

    yield launch
    for process in started:
        process.close()


@contextlib.contextmanager
def watching(*pids: int) -> Iterator[None]:
    """The processes have ended some time after the block."""
    handles = [os.pidfd_open(pid) for pid in pids]
    try:
        yield
        for handle, pid in zip(handles, pids, strict=True):
            assert select.select([handle], [], [], PATIENCE)[0], f"process {pid} lives on"
    finally:
        for handle in handles:
            os.close(handle)


def test_start_prints_the_line_for_claude_code(start):
    up = start("--simulate", "-c", "--small-model", "gpt-4.1", "--api-key", "sesame")
    (line,) = [line.strip() for line in up.text.splitlines() if line.strip().endswith("; claude")]
    variables = dict(part.removeprefix("export ").split("=", 1) for part in line.split("; ")[:-1])
    assert variables["ANTHROPIC_BASE_URL"] == up.base
    assert variables["ANTHROPIC_AUTH_TOKEN"] == "sesame"
    assert variables["ANTHROPIC_MODEL"].startswith("claude-sonnet")
    assert variables["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "gpt-4.1"


def test_all_flags_of_other_bridges_work_together(start):
    """With their names and their short ones."""
    flags = ["-v", "-a", "individual", "-r", "0.01", "-w", "-g", "ghu_sim_demo", "-c", "--show-token"]
    up = start("--simulate", *flags, "--proxy-env", "--api-key", "one", "--api-key", "two")
    assert "ghu_sim_demo" in up.text
    for key, status in (("one", 200), ("two", 200), ("three", 401)):
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"x-api-key": key}
        response = requests.post(
            f"{up.base}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE
        )
        assert response.status_code == status


@pytest.mark.parametrize(
    ("long", "short", "value"),
    [
        ("--port", "-p", "0"),
        ("--verbose", "-v", None),
        ("--account-type", "-a", "business"),
        ("--rate-limit", "-r", "2"),
        ("--queue-requests", "-w", None),
        ("--github-token", "-g", "ghu_x"),
        ("--claude-code", "-c", None),
        ("--require-approval", None, None),
        ("--show-token", None, None),
        ("--proxy-env", None, None),
        ("--api-key", None, "one"),
    ],
)
def test_each_flag_of_other_bridges_is_accepted(run, long, short, value):
    for name in filter(None, (long, short)):
        given = [name] if value is None else [name, value]
        assert run("start", "--check", *given).out == "The settings are in order.\n"


def test_a_bridge_without_a_lock_says_so_at_each_start(start):
    assert "WARNING   --insecure-no-key" in start("--simulate", "--insecure-no-key").text


@pytest.mark.parametrize("server", SERVERS)
def test_the_demo_serves_what_its_banner_says_and_ends_whole(start, server):
    up = start("--simulate", "--server", server)
    title, base, pages, login, models = up.text.splitlines()[:5]
    assert re.fullmatch(r"Copilot Bridge \S+ - simulated: no login, no network", title)
    assert re.fullmatch(r"  Base URL  http://127\.0\.0\.1:\d+/v1   \(any key\)", base)
    assert re.match(r"  Pages     http://127\.0\.0\.1:\d+/ ", pages)
    assert re.fullmatch(r"  Login     octo-demo, .+", login)
    assert models.startswith("  Models    ")
    assert re.fullmatch(r"  Models    claude-\S+, claude-\S+, claude-\S+ and \d+ more", models)
    assert not ANSI.search(up.text)

    found = re.search(r"^  (curl .+)$", up.text, re.MULTILINE)
    assert found
    if shutil.which("curl"):
        result = subprocess.run(
            ["sh", "-c", found[1]], capture_output=True, timeout=PATIENCE, check=True, text=True
        )
        assert len(result.stdout.splitlines()) > 1, "a person can read it"
        assert 'You said: "Hello!"' in json.loads(result.stdout)["output"][0]["content"][0]["text"]

    with watching(up.simulator(), *up.family()):
        code, err = up.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err
    assert all(json.loads(line)["event"] == "request.done" for line in err.splitlines())


@pytest.mark.parametrize("server", SERVERS)
def test_ctrl_c_ends_the_server_and_all_its_processes(start, server):
    up = start("--simulate", "--server", server)
    assert up.post().status_code == 200
    with watching(*up.family()):
        code, err = up.end(signal.SIGINT)
    assert code in (0, 130)
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err


@pytest.mark.parametrize("server", SERVERS)
def test_ctrl_c_while_the_server_is_loaded_ends_it_quietly(start, server):
    """ "Ctrl-C stops" is there to be read half a second before the server is up."""
    up = start("--simulate", "--server", server)
    up.wait_for_import()
    with watching(*up.family()):
        _code, err = up.end(signal.SIGINT)
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_lives_on_after_a_kill(start, server):
    up = start("--simulate", "--server", server)
    with watching(*up.family()):
        up.process.kill()
        up.process.wait(PATIENCE)


def test_a_simulation_is_never_connected_to_the_real_copilot(start, tmp_path):
    """Whatever addresses and plan the environment names for other days; and it makes no store but its own."""
    up = start(
        "--simulate",
        COPILOT_BRIDGE_COPILOT_API_URL="http://127.0.0.1:9",
        COPILOT_BRIDGE_ACCOUNT_TYPE="business",
        GH_TOKEN="ghu_EXAMPLE",
    )
    assert up.post().status_code == 200
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["simulator"]


def test_a_token_of_the_settings_is_used(start, simulator: Simulator):
    token = new_token("business")
    up = start(
        "--server",
        "gevent",
        COPILOT_BRIDGE_GITHUB_URL=simulator.url,
        COPILOT_BRIDGE_GITHUB_API_URL=simulator.url,
        COPILOT_BRIDGE_GITHUB_TOKEN=token,
    )
    assert "simulated" not in up.text
    assert re.search(r"^  Login     octo-business, .*Business", up.text, re.MULTILINE)
    assert token not in up.text
    assert up.post().status_code == 200
    assert len(simulator.exchanges(token)) == 1, "the server uses the token that `start` has fetched"
    code, err = up.end(signal.SIGTERM)
    assert code == 0
    assert token not in err


def hosts(simulator: Simulator, unreachable: str) -> dict[str, str]:
    """The simulator's, but for one of them, where nobody listens."""
    named = {"COPILOT_BRIDGE_GITHUB_URL": simulator.url, "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url}
    return named | ({f"COPILOT_BRIDGE_{unreachable}_API_URL": "http://127.0.0.1:9"} if unreachable else {})


@pytest.mark.parametrize(
    ("token", "unreachable", "message", "greets"),
    [
        ("ghu_wrong", "", "does not accept this login", "Login     needed: open http://127.0.0.1:"),
        ("ghu_sim_noaccess", "", "no Copilot plan", "Login     needed: open"),
        ("ghu_sim_unicorn", "", "status 502", "GitHub    can't be used yet"),
        ("ghu_sim_demo", "GITHUB", "can't reach 127.0.0.1:9", "GitHub    can't be used yet"),
        ("ghu_sim_demo", "COPILOT", "can't reach 127.0.0.1:9", "GitHub    can't be used yet"),
        ("", "", "there is no GitHub login", "Login     needed: open"),
    ],
)
def test_a_start_that_can_not_serve_yet_says_why(
    run, simulator, monkeypatch, token, unreachable, message, greets
):
    """Up to the server, which is executed all the same."""
    executed = []
    monkeypatch.setattr("copilot_bridge.cli.start.startup.exec_server", lambda *given: executed.append(given))
    given = {"COPILOT_BRIDGE_GITHUB_TOKEN": token, **hosts(simulator, unreachable)}
    started = run("start", "--port", "0", "--server", "gevent", **given)
    assert greets in started.out
    assert message in started.err
    assert "serving anyway" in started.err
    ((_config, listeners, _left),) = executed
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(("token", "unreachable"), [("ghu_wrong", ""), ("ghu_sim_demo", "GITHUB")])
def test_a_start_that_can_not_serve_yet(start, simulator, token, unreachable):
    up = start("--server", "gevent", COPILOT_BRIDGE_GITHUB_TOKEN=token, **hosts(simulator, unreachable))
    up.err.wait_for(lambda line: "serving anyway" in line)
    ready = requests.get(f"{up.base}/readyz", timeout=PATIENCE)
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert up.post().status_code in (401, 403, 503)


def test_a_start_does_not_wait_for_what_it_does_not_need() -> None:
    """The server is another process; tables are for terminals; prompts are counted when they come."""
    looked = "import sys, copilot_bridge.cli.start.command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", looked], check=True, capture_output=True, text=True)
    assert "click" in done.stdout.split()
    assert not {"flask", "rich", "tiktoken", "imagesize"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "variables",
    [{"WEB_CONCURRENCY": "auto"}, {"FORWARDED_ALLOW_IPS": "lb.internal"}, {"WEB_CONCURRENCY": "1,2"}],
)
def test_gunicorns_own_variables_do_not_stop_it(variables, tmp_path):
    """It reads them as it is imported; the bridge has settings of its own for both."""
    command = [
        sys.executable,
        "-m",
        "copilot_bridge.serving.launch",
        "gunicorn",
        "--check-config",
        "json:loads",
    ]
    done = subprocess.run(command, env=environment(tmp_path) | variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
