"""Validators of JSON values, combined as tables.

Each dialect has two tables: `request.py` checks every body, and `schema.py` checks the bodies that are
translated or counted.  Fields without a validator are left to upstream.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest

Validator = Callable[[str, Any], None]
"""Takes (where, value), and raises InvalidRequest with that location if the value is wrong."""

Validators = Mapping[str, Validator]
NO_FIELDS: Validators = MappingProxyType({})


def validate(table: Validators, body: Mapping[str, Any]) -> None:
    """Validate the fields of a body.  All are optional, and null counts as absent.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    for name, validator in table.items():
        if body.get(name) is not None:
            validator(name, body[name])


def reject(where: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"{where}: expected {expected}", param=where)


def predicate(expected: str, fits: Callable[[Any], bool]) -> Validator:
    def check(where: str, value: Any) -> None:
        if not fits(value):
            reject(where, expected)

    return check


def instance_of(expected: str, kind: type) -> Validator:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, kind):
            reject(where, expected)

    return check


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


STRING = instance_of("a string", str)
BOOLEAN = instance_of("true or false", bool)
INTEGER = predicate("an integer", is_integer)
POSITIVE = predicate("an integer greater than 0", lambda value: is_integer(value) and value > 0)
OBJECT = instance_of("an object", dict)
LIST = instance_of("a list", list)


def one_of(*words: str) -> Validator:
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return predicate(listed, lambda value: value in words)


# Reasoning efforts in all dialects.  One that a model lacks is adapted to it later.
EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")


def object_of(required: Validators = NO_FIELDS, optional: Validators = NO_FIELDS) -> Validator:
    """Validate an object with fields.

    :param optional: fields that may be missing or null.
    """

    def check(where: str, value: Any) -> None:
        OBJECT(where, value)
        for name, inner in required.items():
            inner(f"{where}.{name}", value.get(name))
        for name, inner in optional.items():
            if value.get(name) is not None:
                inner(f"{where}.{name}", value[name])

    return check


def list_of(inner: Validator) -> Validator:
    """Validate a list of values."""

    def check(where: str, value: Any) -> None:
        LIST(where, value)
        for index, member in enumerate(value):
            inner(f"{where}.{index}", member)

    return check


def string_or(kind: type[list[Any]] | type[JsonObject], inner: Validator) -> Validator:
    """Validate a string, or a list or object that `inner` validates."""
    expected = {list: "a string or a list", dict: "a string or an object"}[kind]

    def check(where: str, value: Any) -> None:
        if isinstance(value, kind):
            inner(where, value)
        elif not isinstance(value, str):
            reject(where, expected)

    return check


def string_or_list_of(inner: Validator) -> Validator:
    """Validate a string or a list of values."""
    return string_or(list, list_of(inner))


def part_of_types(rows: Validators, *allowed: str, other: Validator = OBJECT) -> Validator:
    """Validate a part of one of the allowed types; other types of the table are refused.

    :param other: the validator of types that are not in the table.
    """
    misplaced = predicate(f"{', '.join(allowed[:-1])} or {allowed[-1]}" if allowed[1:] else allowed[0], never)
    return tagged_union(
        "type", {kind: rows[kind] if kind in allowed else misplaced for kind in rows}, other=other
    )


def format_of(rows: Validators, *, default: str | None = None) -> Validator:
    """Validate an output format, which has to be of a known type."""
    return tagged_union("type", rows, default=default, other=object_of({"type": one_of(*rows)}))


def never(_value: Any) -> bool:
    return False


def tagged_union(
    key: str, rows: Validators, *, default: str | None = None, other: Validator = OBJECT
) -> Validator:
    """Validate an object whose type is in one of its fields.

    :param default: the type if the field is missing.
    :param other: the validator of unknown types, which the reader of the request refuses with a reason.
    """

    def check(where: str, value: Any) -> None:
        OBJECT(where, value)
        value_of_key = value.get(key)
        tag: Any = default if value_of_key is None else value_of_key
        if not isinstance(tag, str):
            reject(f"{where}.{key}", "a string")
        rows.get(tag, other)(where, value)

    return check
