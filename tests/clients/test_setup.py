"""Real agents read the settings that `copilot-bridge setup` has written for them, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clients.agents import Ended, Launch, Sandbox, run
from clients.install import AGENTS
from integration.harness import PATIENCE, ROOT, Bridge, Simulator

from copilot_bridge.clients import CLIENTS

pytestmark = pytest.mark.timeout(120)

CHAT, MESSAGES, RESPONSES = "/chat/completions", "/v1/messages", "/responses"
KEY = "cbk_a-key-of-0123456789abcdef"

# Client -> (how it is run without a person, the API of its usual model).
RUNS: dict[str, tuple[Launch, str]] = {
    "claude-code": (Launch(["claude", "--print"], {"DISABLE_AUTOUPDATER": "1"}), MESSAGES),
    "codex": (Launch(["codex", "exec", "--skip-git-repo-check", "-"]), RESPONSES),
    "opencode": (
        Launch(
            ["opencode", "run"], {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
        ),
        CHAT,
    ),
}

# What stands in the way: settings that somebody has already.
OWN = {
    "claude-code": (".claude/settings.json", '{\n    "cleanupPeriodDays": 20\n}\n'),
    "codex": (".codex/config.toml", '# mine\nmodel = "o3"\n\n[tui]\nnotifications = false\n'),
    "opencode": ("config/opencode/opencode.json", '{"share": "disabled", "model": "other/x"}'),
}


@pytest.fixture
def setup(bridge: Bridge, tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    assert AGENTS.is_installed(), "make test-clients installs the agents"

    def call(client: str, *given: str, url: str = bridge.url) -> Sandbox:
        sandbox = Sandbox(tmp_path, url)
        command = [sys.executable, "-m", "copilot_bridge", "setup", client, *given]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**sandbox.environment(), "PYTHONPATH": str(ROOT), "COPILOT_BRIDGE_ENV_FILE": os.devnull},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return sandbox

    return call


def response(ended: Ended) -> str:
    """Its last line, after a look at how it ended."""
    print(f"exit code {ended.code}\n--- stdout\n{ended.out}\n--- stderr\n{ended.err}")
    assert ended.code == 0
    return ended.out.strip().splitlines()[-1]


@pytest.mark.parametrize("client", RUNS)
def test_a_client_reads_what_was_written_for_it(
    setup: Callable[..., Sandbox],
    bridge: Bridge,
    simulator: Simulator,
    tmp_path: Path,
    mark: str,
    client: str,
) -> None:
    launch, upstream = RUNS[client]
    path, own = OWN[client]
    settings = Sandbox(tmp_path, bridge.url).write(path, own)

    sandbox = setup(client, "--url", bridge.url, "--write", "--yes")
    text = response(run(launch, sandbox, f"[[sim:say]] Read: {mark}."))

    assert text == f"Read: {mark}."
    asked = [entry for entry in simulator.ledger(mark) if entry["body"]["model"] == CLIENTS[client].models[0]]
    assert {entry["path"] for entry in asked} == {upstream}
    setup(client, "--undo")
    assert settings.read_text() == own


@pytest.mark.parametrize("client", RUNS)
def test_a_client_gives_the_key(
    setup: Callable[..., Sandbox], start_bridge: Callable[..., Bridge], tmp_path: Path, mark: str, client: str
) -> None:
    launch, _ = RUNS[client]
    bridge = start_bridge(api_key=KEY)

    sandbox = setup(client, "--url", bridge.url, "--key", KEY, "--write", "--yes")
    beside = {"BRIDGE_KEY": KEY} if client == "codex" else {}
    ended = run(Launch(launch.command, {**launch.settings, **beside}), sandbox, f"[[sim:say]] Read: {mark}.")

    assert response(ended) == f"Read: {mark}."
