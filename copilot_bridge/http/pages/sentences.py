"""The English sentences of other rooms, in the reader's language.

Messages and the description of the API are English, as programs and logs get them.  For the pages a book of
each language has them beside their translations.  A message has names for its values there, `no login
of {user} is stored`.  The texts of settings go by the settings' names.  What a book does not have is shown in
English, and marked so.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from markupsafe import Markup

from copilot_bridge.http.pages.disk_cache import read_toml
from copilot_bridge.http.pages.i18n import DEFAULT, FOLDER, spoken

MESSAGES, API, SETTINGS = "messages", "api", "settings"  # the books

VALUE = re.compile(r"\{(\w+)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ITEM = re.compile(r"^- ", re.MULTILINE)


class Pattern(NamedTuple):
    """A message with values.  :param known: the number of characters that are not values."""

    expression: re.Pattern[str]
    translation: str
    known: int


@cache
def book(language: str, name: str) -> dict[str, str]:
    """The sentences of a book: English -> the language's; {} for English."""
    if language == DEFAULT:
        return {}
    return read_toml(FOLDER / f"{language}-{name}.toml")


@cache
def patterns(language: str) -> list[Pattern]:
    """The messages with values, those with the most words first."""
    found = [pattern_of(*row) for row in book(language, MESSAGES).items() if VALUE.search(row[0])]
    return sorted(found, key=lambda pattern: -pattern.known)


def pattern_of(english: str, translation: str) -> Pattern:
    literal, *rest = VALUE.split(english)  # text, name, text, name, text ...
    expression, known = re.escape(literal), len(literal)
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        expression += f"(?P<{name}>.+?){re.escape(text)}"
        known += len(text)
    return Pattern(re.compile(expression, re.DOTALL), translation, known)


@lru_cache(1024)
def translate(language: str, message: str) -> str | None:
    """The message in a language; None: its book does not have it."""
    if message in (sentences := book(language, MESSAGES)):
        return sentences[message]
    for pattern in patterns(language):
        if match := pattern.expression.fullmatch(message):
            return filled(language, pattern.translation, match.groupdict())
    return None


def filled(language: str, translation: str, values: dict[str, str]) -> str:
    """A translation with its values, which may be messages themselves."""
    return VALUE.sub(lambda value: translate(language, values[value[1]]) or values[value[1]], translation)


def said(message: str | None) -> str | Markup:
    """A message, in the reader's language if it is known there; else marked as English."""
    text = message or ""
    language = spoken()
    if not text or language == DEFAULT or CHINESE.search(text):  # English, or made for this reader
        return text
    return marked(text, translate(language, text))


def as_text(message: str) -> str:
    """A message as `said`, as plain text."""
    return translate(spoken(), message) or message


def about(setting: str, english: str) -> str | Markup:
    """The text of a setting, as `said`."""
    language = spoken()
    return english if language == DEFAULT else marked(english, book(language, SETTINGS).get(setting))


def described(text: str) -> str | Markup:
    """A line of the description of the API, as `said`."""
    language = spoken()
    return text if language == DEFAULT or not text else marked(text, book(language, API).get(text))


def marked(english: str, translation: str | None) -> str | Markup:
    return Markup('<span lang="en">{}</span>').format(english) if translation is None else translation


def prose(markdown: str) -> Iterator[tuple[str, bool]]:
    """The paragraphs of a description, in Markdown, and whether each is in the reader's language."""
    language = spoken()
    if language == DEFAULT:
        yield markdown, True
        return
    sentences = book(language, API)
    for block in filter(None, markdown.split("\n\n")):
        items = list_items(block)
        lines = [" ".join(item.split()) for item in items or [block]]
        words = [sentences.get(line, line) for line in lines]
        yield "\n".join(f"- {item}" for item in words) if items else words[0], sentences.keys() >= {*lines}


def list_items(block: str) -> list[str]:
    """The items of a list; [] for a paragraph."""
    return [item for item in ITEM.split(block) if item.strip()] if block.startswith("- ") else []


FILTERS = {"said": said, "described": described}
