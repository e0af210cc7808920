"""The texts of the pages, by name, in the reader's language."""

from functools import cache
from pathlib import Path

from flask import g, has_request_context, request

from copilot_bridge.http.pages.disk_cache import read_toml

LANGUAGES = {"en": "English", "zh": "中文"}
DEFAULT = "en"
FOLDER = Path(__file__).parent / "languages"

# The values of HTML's `lang`.
TAGS = {"en": "en", "zh": "zh-CN"}


@cache
def catalogue(language: str) -> dict[str, str]:
    """The texts of a language: "section.name" -> text.

    Instructions for clients have no names: the command line prints them as they are in `clients`, so there
    the English sentence is the name.
    """
    sections: dict[str, dict[str, str]] = read_toml(FOLDER / f"{language}.toml")
    sentences = sections.pop("clients", {})
    named = {f"{section}.{name}": text for section, texts in sections.items() for name, text in texts.items()}
    return named | sentences


def spoken() -> str:
    """The language that the reader has chosen, else the one that the browser prefers."""
    if not has_request_context():
        return DEFAULT
    if "language" not in g:
        chosen = request.cookies.get("language", "")
        preferred = request.accept_languages.best_match(LANGUAGES, DEFAULT)
        g.language = chosen if chosen in LANGUAGES else preferred
    found: str = g.language
    return found


def text_of(name: str) -> str:
    """The text of this name; templates call it `_`, and jinja2 puts the values in."""
    texts = catalogue(spoken())
    return texts[name] if name in texts else catalogue(DEFAULT).get(name, name)


def text_for(one: str, many: str, number: int) -> str:
    """The text for a number of things, for `ngettext` in templates.

    Chinese knows no plural and has only the name of `many`.
    """
    has_plural = one in catalogue(spoken())
    return text_of(one if number == 1 and has_plural else many)


def tr(name: str, **values: object) -> str:
    """The text of this name with its values, for Python.

    A test reads the first argument, so it has to be written out where this is called.
    """
    return text_of(name) % values if values else text_of(name)
