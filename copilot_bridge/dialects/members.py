"""The members of what upstream sends, each of its own kind.

What is missing or null is empty, a number told as a text is a number, and a text that should be JSON is
written from the JSON that stands in its place.  Anything else of another kind than promised is no answer that
could be passed on: UpstreamRefused, naming the member.
"""

import math
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import UpstreamRefused


def malformed(name: str, expected: str) -> UpstreamRefused:
    return UpstreamRefused(
        f"Copilot's answer can't be read: {name} is not {expected}", code="malformed_answer"
    )


def text(holder: JsonObject, name: str) -> str:
    value = holder.get(name)
    if value.__class__ is str:
        return value
    if value is None:
        return ""
    raise malformed(name, "a text")


def required_text(holder: JsonObject, name: str) -> str:
    """A text that can't be missing."""
    if found := text(holder, name):
        return found
    raise malformed(name, "a text")


def json_text(holder: JsonObject, name: str) -> str:
    """A tool's arguments; some upstreams give them as the object itself."""
    value = holder.get(name)
    return codec.write(value).decode() if isinstance(value, dict | list) else text(holder, name)


def id_text(holder: JsonObject, name: str) -> str:
    value = holder.get(name)
    return str(value) if is_integer(value) else text(holder, name)


def object_in(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    if value.__class__ is dict:
        return value
    if value is None:
        return {}
    raise malformed(name, "an object")


def objects_in(holder: JsonObject, name: str) -> list[JsonObject]:
    """Those of a list; nulls in it are left out."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict | None) for each in value):
        raise malformed(name, "a list of objects")
    return [each for each in value if each is not None]


def index(value: Any) -> int | None:
    """An index; None: it is missing."""
    number = as_integer(value)
    if value is not None and number is None:
        raise malformed("index", "a whole number")
    return number


def optional_object(holder: JsonObject, name: str) -> JsonObject:
    """What nobody's answer fails over if it is wrong; {}: it is."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def token_count(value: Any) -> int:
    """Tokens; 0: it is no number."""
    return max(0, as_integer(value) or 0)


def as_integer(value: Any) -> int | None:
    """None: it is none that is whole."""
    if is_integer(value):
        return int(value)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return None


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def normalize_usage(usage: Any) -> Any:
    """A usage in which tokens are counted by numbers; {}: it is none."""
    if not isinstance(usage, dict):
        return {}
    return {key: normalize_count(key, each) for key, each in usage.items()}


def normalize_count(name: str, value: Any) -> Any:
    if name.endswith("_details"):
        return normalize_usage(value) if isinstance(value, dict) else None
    return token_count(value) if name.endswith("_tokens") and value is not None else value
