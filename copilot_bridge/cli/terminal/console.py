"""Output of commands: tables and bars that fit a terminal, plain columns elsewhere."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from copilot_bridge.redaction import Secret

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    from rich.console import Console  # which takes a while, and only a moving sign on a terminal needs it

    return Console(highlight=False)


def width(stream: TextIO) -> int | None:
    """The width of the terminal, or COLUMNS; None elsewhere: there lines stay whole, for grep and cut."""
    if stream.isatty() or (stream is sys.stdout and os.environ.get("COLUMNS")):
        return max(20, shutil.get_terminal_size().columns)
    return None


def is_interactive() -> bool:
    """Return whether a person at a terminal can read and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str | None = None,
    optional: Sequence[str] = (),
) -> None:
    """Print rows below the names of their columns.

    :param optional: columns that a narrow terminal leaves out, in this order.
    """
    from copilot_bridge.cli.terminal.layout import TextTable, lay_out

    table = TextTable(tuple(columns), tuple(tuple(map(printable, row)) for row in rows))
    lines, left_out = lay_out(table.without_empty(), width(sys.stdout), optional)
    if title:
        click.secho(title, bold=True)
    for number, line in enumerate(lines):
        click.secho(line, bold=True if number == 0 else None)
    if left_out:
        click.secho(f"(a wider terminal also shows {', '.join(left_out)})", dim=True)


def wrapped(text: str, head: str = "", *, err: bool = False) -> str:
    """The text beside `head`, wrapped at blanks to the width of stdout or stderr."""
    columns_wide = width(sys.stderr if err else sys.stdout)
    if columns_wide is None:
        return f"{head}{text}"
    from copilot_bridge.cli.terminal.layout import hanging

    return "\n".join(hanging(head, text, columns_wide))


def print_wrapped(text: str, head: str = "", *, err: bool = False) -> None:
    click.echo(wrapped(text, head, err=err), err=err)


def printable(cell: object, *, lines: bool = False) -> str:
    """The text without characters that control the terminal.

    :param lines: line ends and tabs stay.
    """
    from copilot_bridge.logs.escaping import CONTROL_ESCAPES  # which `--help` and `--version` do not need

    kept = {9: "\t", 10: "\n"} if lines else {}
    return "" if cell is None else str(cell).translate(CONTROL_ESCAPES | kept)


def print_json(content: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def bar(percent: float) -> str:
    """A bar for a percentage."""
    cells = 24 if (width(sys.stdout) or 100) >= 100 else 8
    filled = round(max(0.0, min(100.0, percent)) / 100 * cells)
    full, empty = ("█", "░") if (sys.stdout.encoding or "").lower().startswith("utf") else ("#", ".")
    return full * filled + empty * (cells - filled)


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show a spinner while the block runs; nothing where stdout is no terminal."""
    if not sys.stdout.isatty():
        yield
        return
    with console().status(f"{what} ..."):
        yield


def masked_token(token: Secret, in_full: bool) -> str:
    return token.reveal() if in_full else token.masked()
