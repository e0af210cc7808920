"""The demo as a new user tries it: with the commands that the README and the banner name."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from cli.conftest import PATIENCE, command
from cli.test_start import Started
from integration.harness import environment
from processes import spawn

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Started]:
    up = Started(folder, {}, "--simulate", "--require-approval", "--approval-timeout", "20")
    yield up
    up.close()


@pytest.fixture(scope="module")
def cli(demo: Started, folder: Path) -> Cli:
    """Runs a command as in a second terminal, while the demo runs."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(folder),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return call


def test_the_banner_s_ask_line_prints_a_readable_response(demo: Started, cli: Cli) -> None:
    found = re.search(r"^  .*copilot_bridge (ask .+)$", demo.text, re.MULTILINE)
    assert found
    asking = spawn(
        command(*shlex.split(found[1])),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(demo_home(demo)),
    )
    waiting: list[dict[str, str]] = []
    while not waiting and asking.poll() is None:
        waiting = json.loads(cli("approvals", "--json", "--simulate").stdout)
    assert waiting[0]["prompt"] == "Hello!"
    assert cli("approvals", "approve", waiting[0]["id"][:6], "--simulate").stdout == "Approved.\n"
    assert asking.communicate(timeout=PATIENCE)[0].startswith('You said: "Hello!"')


def demo_home(demo: Started) -> Path:
    return Path(f"/proc/{demo.process.pid}/cwd").resolve()


def test_a_key_of_the_demo_opens_the_demo(demo: Started, cli: Cli) -> None:
    key = cli("keys", "add", "me", "--simulate").stdout.strip()
    try:
        status = [
            requests.get(
                f"{demo.base}/v1/models", headers={"Authorization": f"Bearer {given}"}, timeout=PATIENCE
            ).status_code
            for given in (key, "wrong")
        ]
        assert status == [200, 401]
        assert [row["name"] for row in json.loads(cli("keys", "list", "--json", "--simulate").stdout)] == [
            "me"
        ]
        assert cli("keys", "list").stdout.startswith("No key is stored."), "the real store has none of it"
    finally:
        assert cli("keys", "clear", "--yes", "--simulate").returncode == 0


def test_the_models_of_the_demo_are_those_that_it_serves(demo: Started, cli: Cli) -> None:
    listed = {row["id"] for row in json.loads(cli("models", "--json", "--simulate").stdout)}
    served = requests.get(f"{demo.base}/v1/models", timeout=PATIENCE).json()["data"]
    assert {"gpt-4.1", "claude-sonnet-4.6"} <= listed & {row["id"] for row in served}


def test_a_command_that_needs_a_login_mentions_the_running_demo(cli: Cli) -> None:
    failed = cli("models")
    assert failed.returncode == 1
    assert "a demo is running: --simulate works on it" in failed.stderr


def test_simulate_works_without_a_running_demo(tmp_path: Path) -> None:
    done = subprocess.run(
        command("models", "--json", "--simulate"),
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "gpt-4.1" in {row["id"] for row in json.loads(done.stdout)}
