"""Limits of the APIs.  Each dialect has its own, and rows for models with others.

Their sources: the refusals of OpenAI, Azure and Anthropic as reported in public (2023 to 2026), and their API
references.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

OPENAI = ("OpenAI", "Azure OpenAI")
ANTHROPIC = "Anthropic"
PDF = "application/pdf"


class Limits(Struct, frozen=True):
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
    :param gaps: whether the model fills gaps by itself; others are asked in words.
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
    gaps: bool = False
    strict: str = "openai"


class Override(Struct, frozen=True):
    """Limits that differ for some models.

    :param vendor, model: patterns that both have to match.
    :param changes: the limits that differ.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    vendor: str = ""
    model: str = ""


def limits_for(limits: Limits, overrides: Iterable[Override], vendor: str, model: str) -> Limits:
    """Return an API's limits as they are for a model.

    :param vendor, model: their names in the catalogue.
    """
    for row in overrides:  # later rows win
        if re.search(row.vendor, vendor) and re.search(row.model, model):
            limits = replace(limits, **row.changes)
    return limits
