"""Tables and prose as lines that fit a width; a word (an id, a path) is never broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

GAP = 2  # cells between two columns
HEIGHT = 3  # lines that a row may take before it becomes lines of its own

Row = Sequence[str]


@dataclass(frozen=True)
class TextTable:
    """A table of text.

    :param rows: each with as many cells as there are columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @cached_property
    def widths(self) -> list[int]:
        """The width of each column with every cell on one line."""
        return [max(map(cell_len, column)) for column in self._columns]

    @cached_property
    def min_widths(self) -> list[int]:
        """The width of each column with a line for each word."""
        return [
            max((cell_len(word) for cell in column for word in cell.split()), default=0)
            for column in self._columns
        ]

    @property
    def _columns(self) -> list[tuple[str, ...]]:
        return list(zip(self.columns, *self.rows, strict=True))

    def without(self, names: Sequence[str]) -> "TextTable":
        kept = [number for number, name in enumerate(self.columns) if name not in names]
        return TextTable(pick_cells(self.columns, kept), tuple(pick_cells(row, kept) for row in self.rows))

    def without_empty(self) -> "TextTable":
        """The same table without columns that have neither a name nor content."""
        kept = [number for number, column in enumerate(self._columns) if any(column)]
        return TextTable(pick_cells(self.columns, kept), tuple(pick_cells(row, kept) for row in self.rows))

    def wrapped_rows(self, width: int) -> "list[list[list[str]]] | None":
        """The lines of each cell, row by row, with the columns' names first; None: they do not fit."""
        widths = shrink_widths(self.widths, self.min_widths, width)
        if widths is None:
            return None
        rows = [
            [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
            for row in (self.columns, *self.rows)
        ]
        return rows if all(len(cell) <= HEIGHT for row in rows for cell in row) else None


def pick_cells(row: Row, kept: Sequence[int]) -> tuple[str, ...]:
    return tuple(row[number] for number in kept)


def shrink_widths(widths: Sequence[int], min_widths: Sequence[int], width: int) -> list[int] | None:
    """Shrink the widest column that can shrink until all fit; None: they can't."""
    now = list(widths)
    while total_width(now) > width:
        giving = [number for number, width in enumerate(now) if width > min_widths[number]]
        if not giving:
            return None
        now[max(giving, key=now.__getitem__)] -= 1
    return now


def total_width(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def wrap(text: str, width: int) -> list[str]:
    """Wrap the text at blanks, into at least one line; a word wider than `width` has its own line."""
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def lay_out(
    table: TextTable, width: int | None, optional: Sequence[str] = ()
) -> tuple[list[str], tuple[str, ...]]:
    """Lay the table out in lines; also return the names of the columns left out.

    Where it is too wide it loses the columns `spare`, one after the other; then cells are wrapped; then each
    row becomes a block of lines, with all its columns.

    :param width: of the screen; None: unlimited.
    """
    for number in range(len(optional) + 1):
        smaller = table.without(optional[:number])
        if width is None or total_width(smaller.widths) <= width:
            return in_columns(smaller), tuple(optional[:number])
    assert width is not None
    if rows := table.without(optional).wrapped_rows(width):
        return [line for row in rows for line in side_by_side(row, widths_of(rows))], tuple(optional)
    return in_blocks(table, width), ()


def in_columns(table: TextTable) -> list[str]:
    return [
        line
        for row in (table.columns, *table.rows)
        for line in side_by_side([[cell] for cell in row], table.widths)
    ]


def widths_of(rows: "list[list[list[str]]]") -> list[int]:
    return [max(cell_len(line) for cell in column for line in cell) for column in zip(*rows, strict=True)]


def side_by_side(cells: "list[list[str]]", widths: Sequence[int]) -> list[str]:
    height = max(map(len, cells))
    filled = [[*cell, *[""] * (height - len(cell))] for cell in cells]
    return [
        (" " * GAP).join(pad(part, width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip(*filled, strict=True)
    ]


def pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def in_blocks(table: TextTable, width: int) -> list[str]:
    """Lay each row out as a block of lines with the name of a column and its cell."""
    names = max(map(cell_len, table.columns)) + GAP
    lines: list[str] = []
    for row in table.rows:
        cells = [pair for pair in zip(table.columns, row, strict=True) if pair[1]]
        lines += [line for name, cell in cells for line in hanging(pad(name, names), cell, width)]
        lines.append("")
    return lines[:-1]


def hanging(head: str, text: str, width: int) -> list[str]:
    """Wrap the text beside `head`, with a hanging indent."""
    first, *tail = wrap(text, width - cell_len(head))
    return [f"{head}{first}".rstrip(), *(" " * cell_len(head) + line for line in tail)]
