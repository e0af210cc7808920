"""`--help`: options in sections, examples, and lines that break at blanks only."""

import copy
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import click

NO_REWRAP = "\b\n"  # the mark of a paragraph that click does not wrap
OPTIONS = "Options"


class HelpFormatter(click.HelpFormatter):
    """Breaks lines at blanks only: not `claude-sonnet-4.6`, nor `--max-concurrent`."""

    def write_text(self, text: str) -> None:
        super().write_text(wrap_paragraphs(text, self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        given = list(rows)
        first = min(max((len(name) for name, _ in given), default=0), col_max) + col_spacing
        wide = self.width - first - 2
        wrapped = [(name, wrap_paragraphs(text, wide)) for name, text in given]
        super().write_dl(wrapped, col_max, col_spacing)


class Option(click.Option):
    """An option with a section of the help; of several long names only the first is shown."""

    def __init__(self, *args: Any, section: str = OPTIONS, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def get_help_record(self, context: click.Context) -> tuple[str, str] | None:
        shown = copy.copy(self)
        shown.opts, shown.secondary_opts = main_names(self.opts), main_names(self.secondary_opts)
        return click.Option.get_help_record(shown, context)


def main_names(names: Sequence[str]) -> list[str]:
    """The short names and the first long one."""
    long = [name for name in names if name.startswith("--")]
    return [name for name in names if name not in long[1:]]


class Command(click.Command):
    """A command whose help has its options in sections.

    :param examples: command lines, each without `copilot-bridge`.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
            if record:
                sections.setdefault(getattr(parameter, "section", OPTIONS), []).append(record)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.examples:
            return
        with formatter.section("Examples"):
            formatter.write_text(
                NO_REWRAP + "\n".join(f"copilot-bridge {example}" for example in self.examples)
            )


class Group(Command, click.Group):
    """A command with commands of its own."""

    command_class = Command

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        Command.format_options(self, context, formatter)
        self.format_commands(context, formatter)


def wrap_paragraphs(text: str, width: int) -> str:
    return "\n\n".join(
        paragraph if paragraph.startswith(NO_REWRAP) else NO_REWRAP + fill(paragraph, width)
        for paragraph in text.split("\n\n")
    )


def fill(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
