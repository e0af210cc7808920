"""The help and the versions of the commands, which print quickly."""

import re
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner
from integration.harness import ROOT, environment

from copilot_bridge import __version__
from copilot_bridge.cli import COMMANDS, SYNONYMS, cli

ALL = [
    [],
    *[[name] for name in COMMANDS],
    *[["auth", command] for command in ("login", "list", "remove", "token", "use")],
    *[["keys", command] for command in ("add", "list", "revoke", "rotate")],
    *[["share-token", command] for command in ("new", "list", "revoke")],
]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_command_prints_its_help(path, flag):
    result = CliRunner().invoke(cli, [*path, flag])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_listed_with_its_first_sentence(name):
    help_text = CliRunner().invoke(cli, ["--help"]).output
    about = cli.get_command(click.Context(cli), name).help.split("\n\n")[0]
    assert re.search(rf"^  {name} +{re.escape(about)}$", help_text, re.MULTILINE), help_text
    assert about.endswith(".")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_breaks_lines_at_blanks_only(path):
    narrow, wide = (
        CliRunner().invoke(cli, [*path, "--help"], terminal_width=width, max_content_width=width).output
        for width in (80, 1000)
    )
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == wide.split()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mdels", "models"),
        ("key", "keys"),
        ("strat", "start"),
        ("login", "auth login"),
        ("costs", "usage"),
        ("version", "--version"),
    ],
)
def test_a_misspelt_command_gets_a_suggestion(run, typed, meant):
    assert run(typed).err.endswith(
        f"Error: No such command '{typed}'. Did you mean `copilot-bridge {meant}`?\n"
    )


def test_each_command_that_is_meant_exists():
    for meant in SYNONYMS.values():
        assert CliRunner().invoke(cli, [*meant.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "name",
    ["WSGI", "Windows", "SIGTERM", "GitHub", "HTTPS_PROXY, else ALL_PROXY", "COPILOT_BRIDGE_RATE_LIMIT"],
)
def test_names_keep_their_spelling_in_the_help(name):
    help_text = " ".join(CliRunner().invoke(cli, ["start", "--help"]).output.split())
    assert name in help_text


@pytest.mark.parametrize(
    "help_text",
    [
        "--workers NUMBER Gunicorn workers. [default: 1]",
        "seconds. [default: 300]",
        "otherwise in memory only. [default: true]",
        "-w, --queue-requests Queue requests",
        "Examples: copilot-bridge start",
        "--log-file PATH ",
    ],
)
def test_the_help_tells_types_and_defaults(help_text):
    assert help_text in " ".join(CliRunner().invoke(cli, ["start", "--help"]).output.split())


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_printed(flag):
    result = CliRunner().invoke(cli, [flag], prog_name="copilot-bridge")
    assert result.output == f"copilot-bridge, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["keys", "list"], ["share-token", "list"]])
def test_quick_commands_load_neither_the_network_nor_the_server(tmp_path, arguments):
    """It loads neither the network nor the server."""
    code = (
        f"import sys; from copilot_bridge.cli import cli\n"
        f"try: cli({arguments!r})\n"
        "except SystemExit:\n"
        "    print(*sorted({'requests', 'flask', 'gevent', 'rich.console'} & sys.modules.keys()))"
    )
    home = {"COPILOT_BRIDGE_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(tmp_path) | home,
        capture_output=True,
        check=True,
        text=True,
    )
    assert len(result.stdout.splitlines()) > 1
    assert result.stdout.splitlines()[-1] == ""


def test_version_is_quick(run_process):
    began = time.monotonic()
    assert run_process("--version").code == 0
    assert time.monotonic() - began < 10
