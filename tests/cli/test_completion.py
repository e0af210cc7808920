"""Shell completion: its candidates, and the code that sets it up."""

import shutil
import subprocess

import pytest
from cli.conftest import command
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from integration.harness import environment

from copilot_bridge.cli import cli
from copilot_bridge.cli.completion import SHELLS, VARIABLE
from copilot_bridge.clients import CLIENTS
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store


@pytest.fixture
def completed(home, monkeypatch):
    """The values offered for the last word."""
    monkeypatch.setenv("COPILOT_BRIDGE_HOME", str(home))
    monkeypatch.setenv("COPILOT_BRIDGE_PORT", "9")

    def call(*words):
        found = ShellComplete(cli, {}, "copilot-bridge", VARIABLE).get_completions(
            list(words[:-1]), words[-1]
        )
        return [item.value for item in found]

    return call


@pytest.mark.parametrize("shell", SHELLS)
def test_the_code_for_each_shell_names_the_variable(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert VARIABLE in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_real_shell_takes_the_code(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    code = CliRunner().invoke(cli, ["completion", shell]).output
    assert subprocess.run([shell, "-n"], input=code.encode(), check=False).returncode == 0


@pytest.mark.parametrize(
    ("shell", "environ", "offered"),
    [
        ("bash", {"COMP_WORDS": "copilot-bridge setup cod", "COMP_CWORD": "2"}, "plain,codex"),
        ("fish", {"COMP_WORDS": "copilot-bridge setup cod", "COMP_CWORD": "cod"}, "plain,codex"),
        ("zsh", {"COMP_WORDS": "copilot-bridge setup cod", "COMP_CWORD": "2"}, "plain\ncodex\n_"),
        ("powershell", {"COMP_WORDS": "copilot-bridge setup cod", "COMP_WORD": "cod"}, "codex"),
    ],
)
def test_the_program_responds_to_each_shell(tmp_path, shell, environ, offered):
    (tmp_path / "copilot-bridge").symlink_to(shutil.which("true"))
    code = "import sys; sys.argv = ['copilot-bridge']; from copilot_bridge.cli import main; main()"
    done = subprocess.run(
        [command()[0], "-c", code],
        env=environment(tmp_path) | environ | {VARIABLE: f"{shell}_complete"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stdout.strip() == offered, done.stderr


def test_commands_clients_and_models_are_completed(completed):
    assert completed("che") == ["check-usage"]
    assert completed("setup", "") == list(CLIENTS)
    assert "gpt-4.1" in completed("setup", "codex", "--model", "")


def test_keys_logins_and_share_tokens(completed, home, run):
    store = open_store(home)
    store.logins.add("octo", Secret("ghu_x"), "https://api.github.com")
    store.close()
    run("keys", "add", "laptop")
    run("share-token", "new", "friend", "--account", "octo")
    assert completed("keys", "revoke", "") == ["laptop"]
    assert completed("share-token", "revoke", "") == ["friend"]
    assert completed("auth", "use", "o") == ["octo"]
    assert completed("keys", "add", "x", "--account", "") == ["octo"]


def test_a_store_that_can_not_be_read_completes_nothing(completed, home):
    home.mkdir()
    (home / "bridge.db").write_bytes(b"nonsense" * 1000)
    assert completed("keys", "revoke", "") == []
