"""`setup --write` and `--undo`: changes the client's settings files, and reverts the changes."""

import sys
from pathlib import Path

import click

from copilot_bridge.cli.demo import real_home
from copilot_bridge.cli.setup.files import Change, ChangeHistory, read_own, undo, write
from copilot_bridge.cli.setup.output import print_steps, say, shown_path
from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped
from copilot_bridge.clients import (
    PLACEHOLDER,
    ByHandError,
    Instructions,
    PlannedFile,
    edit_settings,
)
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import Secret


def write_settings(client: str, steps: Instructions, config: Config, yes: bool) -> None:
    changes = [change_of(file) for file in steps.files]
    todo = [change for change in changes if not change.is_empty]
    if not todo:
        paths = ", ".join(str(change.path) for change in changes)
        print_wrapped(f"Nothing to change: {paths} has these settings already.", err=True)
    else:
        for change in todo:
            click.echo(change.diff(steps.key), nl=False)
        confirm_change(f"Write {' and '.join(str(change.path) for change in todo)}?", yes)
        for backup in write(client, todo, ChangeHistory(real_home(config))):
            print_wrapped(f"The previous content is in {backup}.", err=True)
        say(f"Written.  `copilot-bridge setup {client} --undo` reverts it.")
    print_steps(steps)
    if steps.lines:
        say(f"\nBesides, in your shell:\n\n{masked(steps)}")
    say(f"\nCheck it:  {steps.check}")


def masked(steps: Instructions) -> str:
    """The lines with the key masked where stderr may be a log."""
    secret = steps.key != PLACEHOLDER and not sys.stderr.isatty()
    return steps.lines.replace(steps.key, Secret(steps.key).masked()) if secret else steps.lines


def change_of(settings: PlannedFile) -> Change:
    """The change of one settings file.  Raises ConfigError: only a person can change it, or nobody."""
    path = shown_path(settings)
    before = read_own(path)
    try:
        after = edit_settings((before or b"").decode(), settings.format, settings.wanted)
    except ByHandError as error:
        say(f"These lines belong in {path}:\n\n{settings.content}")
        raise ConfigError(f"{path}: {error}; add the lines above by hand, nothing was changed") from error
    except ConfigError as error:
        raise ConfigError(f"{path} is invalid ({error}): correct it first; nothing was changed") from error
    return Change(path, before, after.encode())


def confirm_change(question: str, yes: bool) -> None:
    """Ask before a change.  Raises ConfigError: nobody can answer; Abort: the answer is no."""
    if yes:
        return
    if not is_interactive():
        raise ConfigError(
            "this needs a confirmation, but stdin is not a terminal: add --yes; nothing was changed"
        )
    click.confirm(question, default=True, abort=True)


def undo_changes(client: str, config: Config, yes: bool) -> None:
    def confirm(path: Path) -> bool:
        if yes or not is_interactive():
            return yes
        return click.confirm(f"{path} has been changed since.  Restore the previous content anyway?")

    for path in undo(client, ChangeHistory(real_home(config)), confirm):
        say(f"{path} has its previous content again.")
