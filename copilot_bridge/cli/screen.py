"""What commands print: tables and bars on a terminal, plain columns elsewhere."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from copilot_bridge.logs import CONTROL

if TYPE_CHECKING:
    from rich.console import Console

# Without a terminal nobody wraps lines, so that they can be searched and cut.
PLAIN_WIDTH = 10_000


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console  # which takes a while, and a start without a terminal prints no tables

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else PLAIN_WIDTH, highlight=False, soft_wrap=True
    )


def is_terminal() -> bool:
    """Somebody sits there who can read and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD if screen.is_terminal else None,
        pad_edge=False,
        title_justify="left",
        header_style="bold",
    )
    for column in columns:
        table.add_column(column, no_wrap=not screen.is_terminal, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    # Columns that only some terminals have room for are folded, not cut off.
    screen.print(table, soft_wrap=False)


def shown(cell: object) -> str:
    """What comes from elsewhere does not steer the terminal."""
    return "" if cell is None else str(cell).translate(CONTROL)


def print_json(content: Any) -> None:
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def bar(percent: float, width: int = 24) -> str:
    """A bar of what is left, from 0 to 100 per cent."""
    filled = round(max(0.0, min(100.0, percent)) / 100 * width)
    full, empty = ("█", "░") if (sys.stdout.encoding or "").lower().startswith("utf") else ("#", ".")
    return full * filled + empty * (width - filled)
