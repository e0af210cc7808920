"""Refusals that do not depend on the model: ids, texts, media types, schemas and stop sequences.

Each has the words that were reported in public (2024 to 2026).
"""

import re
from collections.abc import Mapping
from typing import Any

ID = re.compile(r"[a-zA-Z0-9_-]+")
MAX_ID_LENGTH = 64
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MAX_STOPS = 4
UNIONS = ("oneOf", "allOf", "anyOf")

Json = Mapping[str, Any]


def blank_text(block: Json) -> bool:
    text = block.get("text")
    return isinstance(text, str) and bool(text) and not text.strip()


def wrong_id(path: str, given: object) -> str | None:
    """The refusal of a call's id in Messages."""
    if ID.fullmatch(str(given)):
        return None
    return f"{path}: String should match pattern '^[a-zA-Z0-9_-]+$'"


def long_id(path: str, given: object) -> str | None:
    """The refusal of a call's or an item's id in Responses."""
    length = len(str(given))
    if length <= MAX_ID_LENGTH:
        return None
    return (
        f"Invalid '{path}': string too long. Expected a string with maximum length {MAX_ID_LENGTH}, but got "
        f"a string with length {length} instead."
    )


def wrong_media(path: str, block: Json) -> str | None:
    source = block.get("source")
    declared = (
        source.get("media_type") if isinstance(source, dict) and source.get("type") == "base64" else IMAGES[0]
    )
    if declared in IMAGES:
        return None
    known = ", ".join(map(repr, IMAGES[:-1]))
    return f"{path}.source.base64.media_type: Input should be {known} or '{IMAGES[-1]}'"


def union_at_root(path: str, schema: Json) -> str | None:
    found = any(name in schema for name in UNIONS)
    return f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level" if found else None


def open_function(name: object, schema: Any) -> str | None:
    """Refuse a function of OpenAI's without `properties`, which may be empty."""
    if not isinstance(schema, dict) or not schema or "properties" in schema or schema.get("type") != "object":
        return None
    return f"Invalid schema for function '{name}': In context=(), object schema missing properties."


def many_stops(given: object) -> str | None:
    if not isinstance(given, list) or len(given) <= MAX_STOPS:
        return None
    return (
        f"Invalid 'stop': array too long. Expected an array with maximum length {MAX_STOPS}, but got an "
        f"array with length {len(given)} instead."
    )
