"""The limits of each API: a row per API, and rows for models with other limits.

Sources: the refusals of OpenAI, Azure and Anthropic as reported in public (2023 to 2026), and their API
references.
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
    """The limits of a target.  None: there is no such limit.

    :param id_length, name_length: the length of a tool call's id and of a tool's name, which then may have
        letters, digits, _ and - only.
    :param stops: the number of stop sequences.
    :param blank_stops: whether a stop sequence may be white space alone.
    :param blank_texts: whether a text may be empty or white space.
    :param results_follow_calls: whether tool results have to follow their calls immediately.
    :param properties, items: whether an object's schema has to have the one, and an array's the other.
    :param documents: the media types of documents besides text.
    :param texts_inline: whether text documents have to be sent as text.
    :param custom_tools: whether a tool may take free text.
    :param strict: the subset of JSON Schema for the output: "openai" if the schema is strict, "anthropic"
        always.
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
    """Limits that differ for some models.

    :param vendor, model: patterns that both have to match.
    :param but: the limits that differ.
    """

    dialect: str
    changes: dict[str, Any] = field(default_factory=dict)
    vendor: str = ""
    model: str = ""


# Copilot passes Chat Completions on to Claude.
CLAUDE = {"id_length": 64, "blank_texts": False, "blank_stops": False, "strict": "anthropic"}

# Later rows win.
OVERRIDES = (
    # "Expected a string with maximum length 40": Chat Completions of OpenAI and Azure.
    Override("chat", {"id_length": 40}, vendor="OpenAI"),
    Override("chat", CLAUDE, vendor=ANTHROPIC),
    # "Unsupported parameter: 'stop' is not supported with this model": reasoning models.
    Override("chat", {"stops": 0}, model=r"^(gpt-[5-9]|o\d)"),
)


@lru_cache(maxsize=512)
def limits_of(dialect: str, vendor: str, model: str) -> Limits:
    """Return the limits of a model in an API.

    :param dialect: that of the API.
    :param vendor, model: their names in the catalogue.
    """
    limits = LIMITS[dialect]
    for row in OVERRIDES:
        if row.dialect == dialect and re.search(row.vendor, vendor) and re.search(row.model, model):
            limits = replace(limits, **row.changes)
    return limits
