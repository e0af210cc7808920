"""What the pages say, in the reader's language.  English is what stands in the templates."""

from functools import cache
from pathlib import Path

from flask import g, has_request_context, request

LANGUAGES = {"en": "English", "zh": "中文"}
USUAL = "en"
FOLDER = Path(__file__).parent / "languages"

# As HTML's `lang` says it.
TAGS = {"en": "en", "zh": "zh-CN"}


@cache
def catalogue(language: str) -> dict[str, str]:
    """English sentence -> the language's; {} for English itself."""
    import tomllib  # here: whoever reads English, or no page at all, does without

    path = FOLDER / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if language != USUAL else {}


def spoken() -> str:
    """The choice of this reader, else what the browser prefers."""
    if not has_request_context():
        return USUAL
    if "language" not in g:
        chosen = request.cookies.get("language", "")
        g.language = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, USUAL)
    found: str = g.language
    return found


def say(sentence: str) -> str:
    """For templates, where it is called `_`; jinja2 puts the values in."""
    return catalogue(spoken()).get(sentence, sentence)


def say_number(one: str, many: str, number: int) -> str:
    """Chinese knows no plural: its sentence stands at `many`."""
    return catalogue(spoken()).get(many, one if number == 1 else many)


def tr(sentence: str, **values: object) -> str:
    """For Python.  A test reads the first argument: it has to be written out where it is called."""
    return say(sentence) % values if values else say(sentence)
