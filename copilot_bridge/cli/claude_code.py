"""What Claude Code needs to know of the bridge, in the words of the user's shell."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

import click

from copilot_bridge.cli.screen import is_terminal
from copilot_bridge.errors import ConfigError

# The first that the plan has is proposed.
MAIN = ("claude-sonnet", "claude-opus", "claude", "gpt")
SMALL = ("claude-haiku", "gpt-5-mini", "gpt-4o-mini", "claude", "gpt")

Line = Callable[[str, str], str]

# Shell -> (a line that sets a variable, what stands between two commands).
SHELLS: dict[str, tuple[Line, str]] = {
    "sh": (lambda name, value: f"export {name}={shlex.quote(value)}", "; "),
    "fish": (lambda name, value: f"set -gx {name} {shlex.quote(value)}", "; "),
    "powershell": (lambda name, value: f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'", "; "),
    "cmd": (lambda name, value: f'set "{name}={value}"', " & "),
}

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


def shell(environ: Mapping[str, str] = os.environ, windows: bool = os.name == "nt") -> str:
    """The key of SHELLS that fits the user's."""
    name = PurePath(environ.get("SHELL", "")).name
    if name in ("fish", "pwsh"):
        return "powershell" if name == "pwsh" else name
    if windows and not name:
        return "cmd" if "PROMPT" in environ else "powershell"  # only cmd.exe has a prompt in its environment
    return "sh"


def variables(url: str, key: str, model: str, small: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": small,  # versions up to 2.0
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": small,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def command_line(values: Mapping[str, str], kind: str) -> str:
    """All in one line, to be pasted."""
    line, between = SHELLS[kind]
    return between.join([*(line(name, value) for name, value in values.items()), "claude"])


def choose(models: Sequence[str], wish: str | None, preferred: Sequence[str], about: str) -> str:
    """The model that was wished for, or is chosen at the terminal.  Raises ConfigError: there is none."""
    if wish:
        return wish
    fitting = (each for start in preferred for each in sorted(models, reverse=True) if each.startswith(start))
    usual = next(fitting, models[0] if models else "")
    if not usual:
        raise ConfigError("the plan has no model for Claude Code")
    if not is_terminal():
        return usual
    return str(
        click.prompt(
            f"{about} for Claude Code", default=usual, type=click.Choice(list(models)), show_choices=False
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
    main = choose(models, model, MAIN, "Model")
    line = command_line(variables(url, key, main, choose(models, small, SMALL, "Small model")), shell())
    copied = copy(line)
    click.echo(f"\nFor Claude Code{' (it is on the clipboard)' if copied else ''}:\n\n{line}\n")
