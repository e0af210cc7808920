"""The syntax that sets a variable, in each shell."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Shell:
    """The syntax of a shell.

    :param line: the command that sets a variable.  :param between: separates two commands in one line.
    :param lasting: where to put such lines, so that each new window has the variables; for people.
    """

    title: str
    line: Callable[[str, str], str]
    between: str
    lasting: str

    def lines(self, values: Mapping[str, str]) -> str:
        return "\n".join(self.line(name, value) for name, value in values.items())

    def one_line(self, values: Mapping[str, str], command: str) -> str:
        return self.between.join([*(self.line(name, value) for name, value in values.items()), command])


def export(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def fish(name: str, value: str) -> str:
    """A line for fish, where a backslash within single quotes has a meaning."""
    return f"set -gx {name} {shlex.quote(value.replace(chr(92), chr(92) * 2))}"


SHELLS: dict[str, Shell] = {
    "bash": Shell("bash", export, "; ", "~/.bashrc"),
    "zsh": Shell("zsh", export, "; ", "~/.zshrc"),
    "sh": Shell("sh", export, "; ", "~/.profile"),
    "fish": Shell("fish", fish, "; ", "~/.config/fish/config.fish"),
    "powershell": Shell(
        "PowerShell",
        lambda name, value: f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'",
        "; ",
        "the file that $PROFILE names",
    ),
    "cmd": Shell(
        "cmd",
        lambda name, value: f'set "{name}={value}"',
        " & ",
        "the environment variables of your account, in the system's settings",
    ),
}

# Program names that differ from the row's name.
ALIASES = {"pwsh": "powershell", "powershell": "powershell", "cmd.exe": "cmd"}


def shell(environ: Mapping[str, str], *, windows: bool) -> str:
    """The key in SHELLS of the user's shell."""
    name = PurePath(environ.get("SHELL", "")).name.removesuffix(".exe")
    if windows and not name:
        return "cmd" if "PROMPT" in environ else "powershell"  # only cmd.exe has a prompt in its environment
    name = ALIASES.get(name, name)
    return name if name in SHELLS else "sh"
