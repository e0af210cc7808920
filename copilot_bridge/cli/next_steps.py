"""`copilot-bridge` without a command: suggests the next steps."""

import socket
import sys
from contextlib import suppress

import click

from copilot_bridge import __version__
from copilot_bridge.cli.terminal.console import width
from copilot_bridge.cli.terminal.layout import TextTable, in_columns, total_width
from copilot_bridge.cli.terminal.program import program
from copilot_bridge.config import Config, load_config
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.serving.address import base_url

CONNECT_TIMEOUT = 0.3  # seconds

RUNNING = (
    ("setup", "list the clients, and configure one"),
    ("ask 'Hello!'", "send a prompt"),
    ("service install", "keep it running, also after a restart of the machine"),
)
LOGGED_IN = (("start", "start the server"), ("service install", "run it as a service of this system"))
NEW = (
    ("start", "log in to GitHub, then start the server"),
    ("start --simulate", "try it without a login or a network"),
)


def print_next_steps() -> None:
    config = load_config({})
    title, steps = state_of(config)
    command = program()
    rows = [(f"  {command} {step}", about) for step, about in (*steps, ("doctor", "check the installation"))]
    click.echo(f"Copilot Bridge {__version__}: {title}.\n\nNext:")
    for line in side_by_side_or_below(rows):
        click.echo(line)
    click.echo(f"\n`{command} --help` lists all commands.")


def side_by_side_or_below(rows: list[tuple[str, str]]) -> list[str]:
    """The commands with their descriptions, side by side where that fits the terminal."""
    table = TextTable(("", ""), tuple(rows))
    if total_width(table.widths) <= (width(sys.stdout) or 80):
        return in_columns(table)[1:]
    return [line for command, about in rows for line in (command, f"      {about}")]


def state_of(config: Config) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A description of the installation's state, and the commands to go on with."""
    url = base_url(config.host, config.port)
    if is_listening(config.host, config.port):
        return f"a server responds at {url}", RUNNING
    if config.github_token or is_logged_in(config):
        return "logged in to GitHub, not running", LOGGED_IN
    return "no GitHub login yet", NEW


def is_listening(host: str, port: int) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    with suppress(OSError):
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT).close()
        return True
    return False


def is_logged_in(config: Config) -> bool:
    """Return whether a login is stored; also False where the store can't be read, which `doctor` explains."""
    with suppress(BridgeError):
        return bool(store_of(config).logins.all())
    return False
