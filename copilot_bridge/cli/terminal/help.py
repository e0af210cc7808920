"""The pages of `--help`, in lines that break at blanks only."""

import textwrap
from collections.abc import Iterable

import click

NO_REWRAP = "\b\n"  # how a paragraph begins that click does not wrap


class HelpFormatter(click.HelpFormatter):
    """Breaks lines at blanks only: not `claude-sonnet-4.6`, nor `--max-concurrent`."""

    def write_text(self, text: str) -> None:
        super().write_text(wrap_paragraphs(text, self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        given = list(rows)
        first = min(max((len(name) for name, _ in given), default=0), col_max) + col_spacing
        wide = self.width - first - 2
        super().write_dl([(name, wrap_paragraphs(text, wide)) for name, text in given], col_max, col_spacing)


def wrap_paragraphs(text: str, width: int) -> str:
    parts = text.split("\n\n")
    return "\n\n".join(
        each if each.startswith(NO_REWRAP) else NO_REWRAP + fill(each, width) for each in parts
    )


def fill(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
