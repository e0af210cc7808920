"""Validators of JSON values, combined as tables.

Each dialect has two tables: `request.py` checks every body, and `schema.py` checks the bodies that are
translated or counted.  Fields without a validator are left to upstream.  A validator carries its JSON Schema,
so that the description of the API says what is checked.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from msgspec import Struct

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest, Unsupported


class Validator(Struct, frozen=True):
    """Checks a JSON value, and describes it.

    :param check: takes (where, value), and raises InvalidRequest with that location if the value is wrong.
    :param schema: the JSON Schema of what passes, as far as JSON Schema can say it.
    """

    check: Callable[[str, Any], None]
    schema: JsonObject


Validators = Mapping[str, Validator]
NO_FIELDS: Validators = MappingProxyType({})


def validate(table: Validators, body: Mapping[str, Any]) -> None:
    """Validate the fields of a body.  All are optional, and null counts as absent.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    for name, validator in table.items():
        if body.get(name) is not None:
            validator.check(name, body[name])


def reject(where: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"{where}: expected {expected}", param=where)


def predicate(expected: str, fits: Callable[[Any], bool], schema: JsonObject) -> Validator:
    def check(where: str, value: Any) -> None:
        if not fits(value):
            reject(where, expected)

    return Validator(check, schema)


def instance_of(expected: str, kind: type, name: str) -> Validator:
    """Validate the type of a value.

    :param name: that of the type in JSON Schema.
    """

    def check(where: str, value: Any) -> None:
        if not isinstance(value, kind):
            reject(where, expected)

    return Validator(check, {"type": name})


def supported(fits: Callable[[Any], bool], reason: str, schema: JsonObject) -> Validator:
    """Refuse values that are valid, but that Copilot does not support."""

    def check(where: str, value: Any) -> None:
        if not fits(value):
            raise Unsupported(f"{where}: {reason}", param=where)

    return Validator(check, schema)


def unsupported(reason: str) -> Validator:
    """Refuse a field altogether; null is allowed."""
    return supported(never, reason, {"type": "null"})


def both(first: Validator, second: Validator) -> Validator:
    def check(where: str, value: Any) -> None:
        first.check(where, value)
        second.check(where, value)

    return Validator(check, first.schema | second.schema)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


STRING = instance_of("a string", str, "string")
BOOLEAN = instance_of("true or false", bool, "boolean")
INTEGER = predicate("an integer", is_integer, {"type": "integer"})
POSITIVE = predicate(
    "an integer greater than 0",
    lambda value: is_integer(value) and value > 0,
    {"type": "integer", "minimum": 1},
)
NUMBER = predicate(
    "a number",
    lambda value: is_integer(value) or isinstance(value, float),
    {"type": "number"},
)
OBJECT = instance_of("an object", dict, "object")
LIST = instance_of("a list", list, "array")
# Called for each part of each message.
check_object, check_list = OBJECT.check, LIST.check


def one_of(*words: str) -> Validator:
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return predicate(listed, lambda value: value in words, {"enum": [*words]})


# Reasoning efforts in all dialects.  One that a model lacks is adapted to it later.
EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")


def object_of(required: Validators = NO_FIELDS, optional: Validators = NO_FIELDS) -> Validator:
    """Validate an object with fields.

    :param optional: fields that may be missing or null.
    """

    needed = [(name, validator.check) for name, validator in required.items()]
    others = [(name, validator.check) for name, validator in optional.items()]

    def check(where: str, value: Any) -> None:
        check_object(where, value)
        for name, inner in needed:
            inner(f"{where}.{name}", value.get(name))
        for name, inner in others:
            if value.get(name) is not None:
                inner(f"{where}.{name}", value[name])

    return Validator(check, object_schema(required, optional))


def object_schema(required: Validators, optional: Validators) -> JsonObject:
    properties = {name: validator.schema for name, validator in required.items()}
    properties |= {name: or_null(validator.schema) for name, validator in optional.items()}
    return {"type": "object", "properties": properties} | ({"required": [*required]} if required else {})


def or_null(schema: JsonObject) -> JsonObject:
    """Allow null, which counts as absent."""
    if schema.get("type") == "null":
        return schema
    if "type" not in schema or schema.keys() & {"const", "enum"}:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*types, "null"]}


def list_of(inner: Validator) -> Validator:
    """Validate a list of values."""

    check_member = inner.check

    def check(where: str, value: Any) -> None:
        check_list(where, value)
        for index, member in enumerate(value):
            check_member(f"{where}.{index}", member)

    return Validator(check, {"type": "array", "items": inner.schema})


def string_or(kind: type[list[Any]] | type[JsonObject], inner: Validator) -> Validator:
    """Validate a string, or a list or object that `inner` validates."""
    expected = {list: "a string or a list", dict: "a string or an object"}[kind]

    def check(where: str, value: Any) -> None:
        if isinstance(value, kind):
            inner.check(where, value)
        elif not isinstance(value, str):
            reject(where, expected)

    return Validator(check, {"anyOf": [STRING.schema, inner.schema]})


def string_or_list_of(inner: Validator) -> Validator:
    """Validate a string or a list of values."""
    return string_or(list, list_of(inner))


def part_of_types(rows: Validators, *allowed: str, other: Validator = OBJECT) -> Validator:
    """Validate a part of one of the allowed types; other types of the table are refused.

    :param other: the validator of types that are not in the table.
    """
    expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}" if allowed[1:] else allowed[0]
    misplaced = predicate(expected, never, {})
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

    checks = {tag: validator.check for tag, validator in rows.items()}

    def check(where: str, value: Any) -> None:
        check_object(where, value)
        value_of_key = value.get(key)
        tag: Any = default if value_of_key is None else value_of_key
        if not isinstance(tag, str):
            reject(f"{where}.{key}", "a string")
        checks.get(tag, other.check)(where, value)

    return Validator(check, {"type": "object", "properties": {key: STRING.schema}})
