"""`start --claude-code`: prints the line that starts Claude Code with this bridge."""

import os
from collections.abc import Sequence

import click

from copilot_bridge.cli.terminal.clipboard import copy_to_clipboard
from copilot_bridge.cli.terminal.console import is_interactive
from copilot_bridge.clients import CLIENTS, SHELLS, pick_model, setup_instructions, shell
from copilot_bridge.errors import ConfigError


def choose_model(models: Sequence[str], named: str | None, preferred: Sequence[str], about: str) -> str:
    """The model that was named, or chosen at the terminal.  Raises ConfigError: there is none."""
    if named:
        return named
    proposed = pick_model(models, preferred)
    if not proposed:
        raise ConfigError("the plan has no model for Claude Code")
    if not is_interactive():
        return proposed
    return str(
        click.prompt(
            f"{about} for Claude Code", default=proposed, type=click.Choice(list(models)), show_choices=False
        )
    )


def print_command(url: str, key: str, models: Sequence[str], model: str | None, small: str | None) -> None:
    row = CLIENTS["claude-code"]
    main = choose_model(models, model, row.models, "Model")
    other = choose_model(models, small, row.small_models, "Small model")
    kind = shell(os.environ, windows=os.name == "nt")
    line = SHELLS[kind].one_line(setup_instructions("claude-code", url, key, main, other).variables, "claude")
    copied = copy_to_clipboard(line)
    click.echo(f"\nFor Claude Code{' (it is on the clipboard)' if copied else ''}:\n\n{line}\n")
