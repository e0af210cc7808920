"""`start --claude-code`: a line that the user's shell understands."""

import shutil
import stat
import subprocess

import pytest

from copilot_bridge.cli.start.claude_code import choose_model
from copilot_bridge.cli.terminal import clipboard
from copilot_bridge.cli.terminal.clipboard import copy_to_clipboard
from copilot_bridge.clients import CLIENTS, SHELLS, setup_instructions, shell
from copilot_bridge.errors import ConfigError

ODD = 'it\'s a $key; "quoted"'


@pytest.mark.parametrize(
    ("environ", "windows", "kind"),
    [
        ({"SHELL": "/bin/bash"}, False, "bash"),
        ({"SHELL": "/usr/bin/zsh"}, False, "zsh"),
        ({"SHELL": "/usr/bin/fish"}, False, "fish"),
        ({"SHELL": "/usr/bin/pwsh"}, False, "powershell"),
        ({}, False, "sh"),
        ({"SHELL": "/usr/bin/bash.exe"}, True, "bash"),
        ({"SHELL": "/bin/dash"}, False, "sh"),
        ({"PSModulePath": "x"}, True, "powershell"),
        ({"PROMPT": "$P$G", "PSModulePath": "x"}, True, "cmd"),
    ],
)
def test_the_shell_is_recognized_from_the_environment(environ, windows, kind):
    assert shell(environ, windows=windows) == kind


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("sh", "export A='it'\"'\"'s'; claude"),
        ("fish", "set -gx A 'it'\"'\"'s'; claude"),
        ("powershell", "$env:A = 'it''s'; claude"),
        ("cmd", 'set "A=it\'s" & claude'),
    ],
)
def test_each_shell_has_its_syntax_for_variables(kind, line):
    assert SHELLS[kind].one_line({"A": "it's"}, "claude") == line


@pytest.mark.parametrize("program", ["sh", "bash", "zsh", "fish"])
def test_a_real_shell_understands_it(program, tmp_path):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    (tmp_path / "claude").write_text("#!/bin/sh\nprintf '%s' \"$ANTHROPIC_AUTH_TOKEN|$ANTHROPIC_MODEL\"\n")
    (tmp_path / "claude").chmod(0o700)
    variables = setup_instructions("claude-code", "http://127.0.0.1:1", ODD, "m", "s").variables
    line = SHELLS[program].one_line(variables, "claude")
    done = subprocess.run(
        [program, "-c", line], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True
    )
    assert done.stdout.decode() == f"{ODD}|m"


def test_the_model_that_was_named_wins_over_the_newest_that_fits(monkeypatch):
    models = ["gpt-4.1", "claude-sonnet-4", "claude-sonnet-4.5", "claude-haiku-4.5"]
    assert choose_model(models, None, CLIENTS["claude-code"].models, "Model") == "claude-sonnet-4.5"
    assert choose_model(models, None, CLIENTS["claude-code"].small_models, "Model") == "claude-haiku-4.5"
    assert choose_model(["gpt-4.1"], None, CLIENTS["claude-code"].small_models, "Model") == "gpt-4.1"
    assert choose_model(models, "mine", CLIENTS["claude-code"].models, "Model") == "mine"
    with pytest.raises(ConfigError):
        choose_model([], None, CLIENTS["claude-code"].models, "Model")


def test_the_clipboard_is_used_only_where_there_is_a_desktop(tmp_path, monkeypatch):
    program = tmp_path / "wl-copy"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/board\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(clipboard, "CLIPBOARDS", ((("wl-copy",), "WAYLAND_DISPLAY"),))
    assert not copy_to_clipboard("text", {})
    assert copy_to_clipboard("text", {"WAYLAND_DISPLAY": "wayland-0"})
    assert (tmp_path / "board").read_text() == "text"


def test_a_clipboard_that_does_not_respond_gets_no_text(tmp_path, monkeypatch):
    program = tmp_path / "xclip"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(clipboard, "CLIPBOARDS", ((("xclip",), None),))
    monkeypatch.setattr(clipboard, "TIMEOUT", 0.05)
    assert not copy_to_clipboard("text", {})
    program.write_text("no program")
    assert not copy_to_clipboard("text", {})
