"""`start --claude-code`: one line that starts Claude Code, for whoever has just started the bridge."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

import click

from copilot_bridge.cli.terminal.console import is_interactive
from copilot_bridge.clients import CLIENTS, SHELLS, pick_model, setup_instructions, shell
from copilot_bridge.errors import ConfigError

# Programs that put their stdin on the clipboard, and the variable without which they are of no use.
CLIPBOARDS = (
    (("pbcopy",), None),
    (("clip.exe",), None),
    (("clip",), None),
    (("wl-copy",), "WAYLAND_DISPLAY"),
    (("xclip", "-selection", "clipboard"), "DISPLAY"),
    (("xsel", "--clipboard", "--input"), "DISPLAY"),
)

CLIPBOARD_PATIENCE = 5.0  # s


def choose(models: Sequence[str], wish: str | None, preferred: Sequence[str], about: str) -> str:
    """The model that was wished for, or is chosen at the terminal.  Raises ConfigError: there is none."""
    if wish:
        return wish
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


def copy(text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """To the clipboard; False where there is none."""
    for command, needs in CLIPBOARDS:
        program = shutil.which(command[0])
        if program and (needs is None or environ.get(needs)):
            return told(program, *command[1:], text=text)
    return False


def told(*command: str, text: str) -> bool:
    """A clipboard whose screen does not answer keeps nobody from starting."""
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            check=False,
            timeout=CLIPBOARD_PATIENCE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def tell(url: str, key: str, models: Sequence[str], model: str | None, small: str | None) -> None:
    row = CLIENTS["claude-code"]
    main = choose(models, model, row.models, "Model")
    other = choose(models, small, row.small_models, "Small model")
    kind = shell(os.environ, windows=os.name == "nt")
    line = SHELLS[kind].one_line(setup_instructions("claude-code", url, key, main, other).variables, "claude")
    copied = copy(line)
    click.echo(f"\nFor Claude Code{' (it is on the clipboard)' if copied else ''}:\n\n{line}\n")
