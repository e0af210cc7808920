"""What a value in a request has to be before it is read: shapes, put together as tables.

Each dialect has two: `request.py` says what has to hold for every body, `schema.py` what besides for one
that is translated or counted.  What no shape speaks of is upstream's to judge.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest

Validator = Callable[[str, Any], None]
"""(where, value).  Raises InvalidRequest, naming where: the value is something else."""

Validators = Mapping[str, Validator]
NO_FIELDS: Validators = MappingProxyType({})


def validate(table: Validators, body: Mapping[str, Any]) -> None:
    """Optional fields: null is as good as absent.  Raises InvalidRequest, naming the field."""
    for name, shape in table.items():
        if body.get(name) is not None:
            shape(name, body[name])


def reject(where: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"{where}: expected {expected}", param=where)


def predicate(expected: str, fits: Callable[[Any], bool]) -> Validator:
    def shape(where: str, value: Any) -> None:
        if not fits(value):
            reject(where, expected)

    return shape


def instance_of(expected: str, kind: type) -> Validator:
    def shape(where: str, value: Any) -> None:
        if not isinstance(value, kind):
            reject(where, expected)

    return shape


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


STRING = instance_of("a string", str)
BOOLEAN = instance_of("true or false", bool)
INTEGER = predicate("an integer", is_whole)
POSITIVE = predicate("an integer greater than 0", lambda value: is_whole(value) and value > 0)
OBJECT = instance_of("an object", dict)
LIST = instance_of("a list", list)


def one_of(*words: str) -> Validator:
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return predicate(listed, lambda value: value in words)


# How hard to think, in all dialects; what a model lacks is fitted to it.
EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")


def object_of(required: Validators = NO_FIELDS, optional: Validators = NO_FIELDS) -> Validator:
    """An object with such fields.  `maybe`: those that it may lack, where null is as good as absent."""

    def shape(where: str, value: Any) -> None:
        OBJECT(where, value)
        for name, inner in required.items():
            inner(f"{where}.{name}", value.get(name))
        for name, inner in optional.items():
            if value.get(name) is not None:
                inner(f"{where}.{name}", value[name])

    return shape


def list_of(inner: Validator) -> Validator:
    """A list of such."""

    def shape(where: str, value: Any) -> None:
        LIST(where, value)
        for place, member in enumerate(value):
            inner(f"{where}.{place}", member)

    return shape


def string_or(kind: type[list[Any]] | type[JsonObject], inner: Validator) -> Validator:
    """`kind`: what it may be instead, and then has to be like `inner`."""
    expected = {list: "a string or a list", dict: "a string or an object"}[kind]

    def shape(where: str, value: Any) -> None:
        if isinstance(value, kind):
            inner(where, value)
        elif not isinstance(value, str):
            reject(where, expected)

    return shape


def string_or_list_of(inner: Validator) -> Validator:
    return string_or(list, list_of(inner))


def part_of_types(rows: Validators, *allowed: str, other: Validator = OBJECT) -> Validator:
    """A part of one of these types.  The rest of the rows are for others to say.

    :param other: for what has no row.
    """
    misplaced = predicate(f"{', '.join(allowed[:-1])} or {allowed[-1]}" if allowed[1:] else allowed[0], never)
    return tagged_union(
        "type", {kind: rows[kind] if kind in allowed else misplaced for kind in rows}, other=other
    )


def format_of(rows: Validators, *, default: str | None = None) -> Validator:
    """The form of an answer: one of these, since one that is not known can't be asked for."""
    return tagged_union("type", rows, default=default, other=object_of({"type": one_of(*rows)}))


def never(_value: Any) -> bool:
    return False


def tagged_union(
    key: str, rows: Validators, *, default: str | None = None, other: Validator = OBJECT
) -> Validator:
    """An object of which one field says what it is.

    :param usual: what it is where the field is left out.
    :param other: for what has no row: whoever reads it knows why it can't be sent.
    """

    def shape(where: str, value: Any) -> None:
        OBJECT(where, value)
        given = value.get(key)
        kind: Any = default if given is None else given
        if not isinstance(kind, str):
            reject(f"{where}.{key}", "a string")
        rows.get(kind, other)(where, value)

    return shape
