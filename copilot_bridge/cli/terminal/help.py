"""The pages of `--help`, in lines that break at blanks only."""

import textwrap
from collections.abc import Iterable

import click

AS_IT_IS = "\b\n"  # how a paragraph begins that click does not wrap


class WholeWords(click.HelpFormatter):
    """Breaks lines at blanks only: not `claude-sonnet-4.6`, nor `--max-concurrent`."""

    def write_text(self, text: str) -> None:
        super().write_text(unbroken(text, self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        given = list(rows)
        first = min(max((len(name) for name, _ in given), default=0), col_max) + col_spacing
        wide = self.width - first - 2
        super().write_dl([(name, unbroken(text, wide)) for name, text in given], col_max, col_spacing)


def unbroken(text: str, width: int) -> str:
    parts = text.split("\n\n")
    return "\n\n".join(each if each.startswith(AS_IT_IS) else AS_IT_IS + fill(each, width) for each in parts)


def fill(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
