"""`copilot-bridge completion SHELL`, and the values that the shell then completes."""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.cli.terminal.program import NAME

VARIABLE = "_COPILOT_BRIDGE_COMPLETE"  # as click derives it from the program's name
TIMEOUT = 1.0  # seconds, for the running bridge: somebody waits at a prompt

POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $position)
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_WORDS = $line.ToString()
    $env:COMP_WORD = $word
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_WORD
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion for PowerShell, which click does not have."""

    name = "powershell"
    source_template = POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        word = os.environ.get("COMP_WORD", "")
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
        return (words[:-1] if word and words else words), word

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


class QuietBash(BashComplete):
    """Completion for bash; it does not run bash to see how old it is."""

    @staticmethod
    def _check_version() -> None:
        pass


SHELLS: dict[str, type[ShellComplete]] = {
    "bash": QuietBash,
    "zsh": ZshComplete,
    "fish": FishComplete,
    "powershell": PowerShellComplete,
}


def register() -> None:
    for kind in SHELLS.values():
        add_completion_class(kind)


@click.command(
    "completion",
    cls=Command,
    examples=(
        "completion bash >> ~/.bashrc",
        "completion zsh >> ~/.zshrc",
        "completion fish >> ~/.config/fish/config.fish",
        "completion powershell >> $PROFILE",
    ),
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the code that completes commands in a shell."""
    click.echo(SHELLS[shell](context.find_root().command, {}, NAME, VARIABLE).source())


# --- values

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completing(values: Callable[[click.Context], Iterable[str]]) -> Complete:
    """A completion that offers nothing where the values can't be had."""

    def complete(context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
        with suppress(Exception):
            return [value for value in values(context) if value.startswith(start)]
        return []

    return complete


def settings_of(context: click.Context) -> Any:
    from copilot_bridge.config import load_config

    flags = {name: str(value) for name in ("home", "store_path") if (value := context.params.get(name))}
    config = load_config(flags, env_file=context.params.get("env_file"))
    if context.params.get("simulate"):
        from copilot_bridge.cli.demo import demo_store

        return demo_store(config)
    return config


def store_of(context: click.Context) -> Any:
    from copilot_bridge.pipeline.storage import store_of

    return store_of(settings_of(context))


def clients(_context: click.Context) -> Iterable[str]:
    from copilot_bridge.clients import CLIENTS

    return CLIENTS


def logins(context: click.Context) -> Iterable[str]:
    return [login.user for login in store_of(context).logins.all()]


def keys(context: click.Context) -> Iterable[str]:
    from copilot_bridge.store.keys import KEY

    return [key.name for key in store_of(context).keys.all() if key.kind == KEY]


def shares(context: click.Context) -> Iterable[str]:
    from copilot_bridge.store.keys import SHARE

    return [key.name for key in store_of(context).keys.all() if key.kind == SHARE]


def waiting_requests(context: click.Context) -> Iterable[str]:
    return [question.id[:8] for question in store_of(context).approvals.waiting()]


def models(context: click.Context) -> Iterable[str]:
    """The models that the running bridge lists; without one, those that clients prefer."""
    from http.client import HTTPConnection, HTTPException

    from copilot_bridge.clients.client import FALLBACK_MODELS

    config = settings_of(context)
    key = config.api_key[0].reveal() if config.api_key else "anything"
    with suppress(OSError, ValueError, KeyError, HTTPException):
        connection = HTTPConnection(config.host, config.port, timeout=TIMEOUT)
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        return [row["id"] for row in json.load(connection.getresponse())["data"]]
    return list(FALLBACK_MODELS)


complete_clients = completing(clients)
complete_logins = completing(logins)
complete_keys = completing(keys)
complete_shares = completing(shares)
complete_requests = completing(waiting_requests)
complete_models = completing(models)
