"""Prints the settings to paste, and the other steps."""

from pathlib import Path

import click

from copilot_bridge.cli.setup.page import page_of
from copilot_bridge.cli.terminal.console import print_wrapped
from copilot_bridge.clients import SHELLS, Instructions, PlannedFile, System


def say(words: str = "") -> None:
    click.echo(words, err=True)


def show(steps: Instructions, client: str, system: System, *, by_variables: bool) -> None:
    """Print the settings to stdout, by file or as shell lines; explanations go to stderr."""
    say(f"{steps.client.title}, with {steps.model.id} at {steps.base_url}")
    files = () if by_variables else steps.files
    for file in files:
        say(f"\nIn {shown_path(file)}:\n")
        click.echo(file.content, nl=False)
    if lines := steps.environment if by_variables else steps.lines:
        lasting = SHELLS[system.shell].lasting
        say(f"\n{'Besides, in' if files else 'In'} your shell (for good: in {lasting}):\n")
        click.echo(lines, err=bool(files))
    print_steps(steps)
    if steps.values:
        say()
        wide = max(len(name) for name, _ in steps.values)
        click.echo("\n".join(f"{name:<{wide}}  {value}" for name, value in steps.values))
    if steps.command:
        say(f"\n    {steps.command}")
    say(f"\nCheck it:  {steps.check}")
    if steps.client.writable:
        print_wrapped(f"`copilot-bridge setup {client} --write` puts it into your settings.", err=True)
    print_wrapped(str(page_of(steps.client)), "More about it:  ", err=True)


def print_steps(steps: Instructions) -> None:
    if steps.by_hand:
        say()
    for number, step in enumerate(steps.by_hand, 1):
        print_wrapped(step, f"{number}. " if len(steps.by_hand) > 1 else "", err=True)


def shown_path(settings: PlannedFile) -> Path:
    return next((path for path in map(Path, settings.paths) if path.exists()), Path(settings.paths[0]))
