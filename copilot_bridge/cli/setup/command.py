"""`copilot-bridge setup CLIENT`: prints the settings for a client, or writes them into the client's files.

Only the settings go to stdout, so `copilot-bridge setup openai-sdk >> ~/.bashrc` works.  Explanations go to
stderr.
"""

import os
import sys
from difflib import get_close_matches
from pathlib import Path

import click

from copilot_bridge.cli.completion import complete_clients, complete_models
from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.setup.output import shown_path
from copilot_bridge.cli.terminal.console import print_json, print_table
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.clients import CLIENTS, SHELLS, System, setup_instructions, shell
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.serving.address import base_url


@click.command(
    "setup",
    cls=Command,
    examples=("setup", "setup codex", "setup claude-code --write", "setup claude-code --undo"),
)
@click.argument("client", required=False, metavar="[CLIENT]", shell_complete=complete_clients)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model to use.  [default: the client's usual one]",
)
@click.option(
    "--small-model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model for small tasks, where the client has such a setting.",
)
@click.option("--url", metavar="URL", help="Address of the bridge.  [default: from --host and --port]")
@click.option("--key", metavar="KEY", help="API key for the bridge.  [default: from --api-key, if any]")
@click.option(
    "--shell",
    "kind",
    metavar="SHELL",
    help=f"Shell syntax for variables: {', '.join(SHELLS)}.  [default: yours]",
)
@click.option("--write", "writes", is_flag=True, help="Change the client's own settings file.")
@click.option("--undo", "undoes", is_flag=True, help="Revert the changes of --write.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the list of clients as JSON.")
@takes_settings("host", "port", "api_key", *CONNECTION, *LOGGING)
def command(
    config: Config,
    client: str | None,
    model: str | None,
    small_model: str | None,
    url: str | None,
    key: str | None,
    kind: str | None,
    writes: bool,
    undoes: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Configure a client to use the bridge.

    Prints the settings to paste.  --write changes the client's own settings file instead: it shows the
    difference, asks, keeps a backup, and leaves all other settings alone.  Without CLIENT: list the clients.
    """
    if client is None:
        print_clients(as_json=as_json)
        return
    check_flags(as_json=as_json, writes=writes, undoes=undoes)
    check_client(client)
    system = this_system(kind)
    if undoes:
        from copilot_bridge.cli.setup.writing import undo_changes

        undo_changes(client, config, yes)
        return
    if writes:
        check_writable(client)
    from copilot_bridge.cli.setup.configure import SetupOptions, configure  # which the list does not need

    request = SetupOptions(client, model, small_model, url, key, system, by_variables=kind is not None)
    configure(config, request, writes=writes, yes=yes)


def check_flags(*, as_json: bool, writes: bool, undoes: bool) -> None:
    """Raise UsageError if these flags contradict each other, or do not go with the name of a client."""
    if as_json:
        raise click.UsageError("--json is for the list of clients")
    if writes and undoes:
        raise click.UsageError("--write and --undo exclude each other")


def check_writable(client: str) -> None:
    """Raise ConfigError if the client keeps its settings elsewhere."""
    row = CLIENTS[client]
    if not row.writable:
        raise ConfigError(
            f"{row.title} has no settings file to write: `copilot-bridge setup {client}` shows how"
        )


def print_clients(*, as_json: bool) -> None:
    rows = [(name, row.title, row.about, where_kept(name)) for name, row in CLIENTS.items()]
    if as_json:
        print_json([dict(zip(("client", "name", "about", "settings"), row, strict=True)) for row in rows])
    else:
        print_table(("CLIENT", "NAME", "ABOUT", "SETTINGS"), rows, optional=("NAME", "SETTINGS"))


# Other names that people use for clients.
SYNONYMS = {
    "anthropic": "anthropic-sdk",
    "claude": "claude-code",
    "copilot": "copilot-cli",
    "gh": "copilot-cli",
    "github": "copilot-cli",
    "openai": "openai-sdk",
}


def check_client(name: str) -> None:
    """Raise UsageError if there is no such client."""
    if name not in CLIENTS:
        meant = [SYNONYMS[name]] if name in SYNONYMS else get_close_matches(name, CLIENTS, n=1)
        near = "".join(f"; did you mean {client}?" for client in meant)
        raise click.UsageError(f"there is no client {name!r}{near or '; there are ' + ', '.join(CLIENTS)}")


def where_kept(client: str) -> str:
    steps = setup_instructions(client, base_url("127.0.0.1", 1), system=this_system(None))
    return (
        str(shown_path(steps.files[0])) if steps.files else "variables" if steps.lines else "in the program"
    )


def this_system(kind: str | None) -> System:
    """The user's system, with the shell that was named.  Raises UsageError: there is no such shell."""
    if kind is not None and kind not in SHELLS:
        raise click.UsageError(f"there is no shell {kind!r}; there are {', '.join(SHELLS)}")
    name = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    return System(name, kind or shell(os.environ, windows=os.name == "nt"), os.environ, str(Path.home()))
