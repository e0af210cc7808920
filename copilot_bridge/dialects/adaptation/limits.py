"""What each API takes: a row for each, and rows for the models that take something else.

Sources: the refusals of OpenAI, Azure and Anthropic as they were reported in public (2023 to 2026), and their
references of the APIs.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

OPENAI = ("OpenAI", "Azure OpenAI")
ANTHROPIC = "Anthropic"
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Limits:
    """None: there is no such limit.

    :param id_length, name_length: of a call's id and a tool's name, which are letters, digits, _ and - then.
    :param stops: the most stop sequences.  :param blank_stops: one may be white space alone.
    :param blank_texts: a text may be empty or white space.
    :param results_follow_calls: the results of calls have to stand directly behind them.
    :param properties, items: an object's schema has to have the one, an array's the other.
    :param documents: the media types of documents, beside text.  :param texts_inline: a document that is text
        has to be said as text.
    :param custom_tools: a tool may take free text.
    :param strict: the answer's schema has to be in this form: "openai" where it says that it is strict,
        "anthropic" always.
    """

    id_length: int | None = None
    name_length: int | None = 64
    stops: int | None = None
    blank_stops: bool = True
    blank_texts: bool = True
    results_follow_calls: bool = True
    properties: bool = True
    items: bool = True
    documents: tuple[str, ...] | None = (PDF,)
    texts_inline: bool = True
    custom_tools: bool = False
    strict: str = "openai"


LIMITS: dict[str, Limits] = {
    "chat": Limits(stops=4),
    "responses": Limits(id_length=64, stops=0, results_follow_calls=False, documents=None, custom_tools=True),
    "messages": Limits(
        id_length=64,
        name_length=128,
        blank_stops=False,
        blank_texts=False,
        properties=False,
        items=False,
        texts_inline=False,
        strict="anthropic",
    ),
}


@dataclass(frozen=True, slots=True)
class Override:
    """:param vendor, model: what has to be found in them.  :param but: what is different there."""

    dialect: str
    but: dict[str, Any] = field(default_factory=dict)
    vendor: str = ""
    model: str = ""


# Copilot hands on to Claude what came through Chat Completions.
CLAUDE = {"id_length": 64, "blank_texts": False, "blank_stops": False, "strict": "anthropic"}

# Later rows win.
OVERRIDES = (
    # "Expected a string with maximum length 40": Chat Completions of OpenAI and Azure.
    Override("chat", {"id_length": 40}, vendor="OpenAI"),
    Override("chat", CLAUDE, vendor=ANTHROPIC),
    # "Unsupported parameter: 'stop' is not supported with this model": those that reason.
    Override("chat", {"stops": 0}, model=r"^(gpt-[5-9]|o\d)"),
)


@lru_cache(maxsize=512)
def limits_of(dialect: str, vendor: str, model: str) -> Limits:
    """:param dialect: that of the API.  :param vendor, model: as the catalogue calls them."""
    found = LIMITS[dialect]
    for row in OVERRIDES:
        if row.dialect == dialect and re.search(row.vendor, vendor) and re.search(row.model, model):
            found = replace(found, **row.but)
    return found
