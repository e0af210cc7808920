"""`copilot-bridge gen-share-token`: prints a random share token, for the setting."""

import click

from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.store.keys import SHARE, new_secret


@click.command("gen-share-token", cls=Command)
def command() -> None:
    """Print a random share token; nothing is stored."""
    click.echo(new_secret(SHARE))
