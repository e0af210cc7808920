"""Readers for the members of upstream's JSON objects, one for each type of member.

A missing or null member is empty, a number sent as a string is a number, and an object where JSON text is
expected is written as JSON.  Any other type makes the response unreadable: the readers raise UpstreamRefused,
which names the member.
"""

import math
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import UpstreamRefused


def malformed(name: str, expected: str) -> UpstreamRefused:
    """An error for a response with a member of the wrong type."""
    return UpstreamRefused(
        f"Copilot's response can't be read: {name} is not {expected}", code="malformed_response"
    )


def text(holder: JsonObject, name: str) -> str:
    """Read a string; "" if it is missing."""
    value = holder.get(name)
    if value.__class__ is str:
        return value
    if value is None:
        return ""
    raise malformed(name, "a string")


def required_text(holder: JsonObject, name: str) -> str:
    """Read a string that must not be empty."""
    if found := text(holder, name):
        return found
    raise malformed(name, "a string")


def json_text(holder: JsonObject, name: str) -> str:
    """Read a tool's arguments as JSON text, though some upstreams send them as an object."""
    value = holder.get(name)
    return codec.write(value).decode() if isinstance(value, dict | list) else text(holder, name)


def id_text(holder: JsonObject, name: str) -> str:
    """Read an id as a string, though some upstreams send it as a number."""
    value = holder.get(name)
    return str(value) if is_integer(value) else text(holder, name)


def object_in(holder: JsonObject, name: str) -> JsonObject:
    """Read an object; {} if it is missing."""
    value = holder.get(name)
    if value.__class__ is dict:
        return value
    if value is None:
        return {}
    raise malformed(name, "an object")


def objects_in(holder: JsonObject, name: str) -> list[JsonObject]:
    """Read a list of objects without its nulls."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict | None) for entry in value):
        raise malformed(name, "a list of objects")
    return [entry for entry in value if entry is not None]


def index(value: Any) -> int | None:
    """Read an index; None if it is missing."""
    number = as_integer(value)
    if value is not None and number is None:
        raise malformed("index", "an integer")
    return number


def optional_object(holder: JsonObject, name: str) -> JsonObject:
    """Read an object that a response can do without; {} if it is missing or of another type."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def token_count(value: Any) -> int:
    """Read a number of tokens; 0 if the value is not a number."""
    return max(0, as_integer(value) or 0)


def as_integer(value: Any) -> int | None:
    """Convert a value to an integer; None if it is not a whole number."""
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
    """Convert the token counts of a usage object to integers; {} if it is not an object."""
    if not isinstance(usage, dict):
        return {}
    return {key: normalize_count(key, value) for key, value in usage.items()}


def normalize_count(name: str, value: Any) -> Any:
    if name.endswith("_details"):
        return normalize_usage(value) if isinstance(value, dict) else None
    return token_count(value) if name.endswith("_tokens") and value is not None else value
