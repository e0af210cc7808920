"""What a value in a request has to be before it is read: shapes, put together as tables.

Each dialect has two: `request.py` says what has to hold for every body, `shape.py` what besides for one
that is translated or counted.  What no shape speaks of is upstream's to judge.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from copilot_bridge.errors import InvalidRequest

Json = dict[str, Any]
Shape = Callable[[str, Any], None]
"""(where, value).  Raises InvalidRequest, naming where: the value is something else."""

Table = Mapping[str, Shape]
NOTHING: Table = MappingProxyType({})


def check(table: Table, body: Mapping[str, Any]) -> None:
    """Optional fields: null is as good as absent.  Raises InvalidRequest, naming the field."""
    for name, shape in table.items():
        if body.get(name) is not None:
            shape(name, body[name])


def wrong(where: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"{where}: expected {expected}", param=where)


def plain(expected: str, fits: Callable[[Any], bool]) -> Shape:
    def shape(where: str, value: Any) -> None:
        if not fits(value):
            wrong(where, expected)

    return shape


def kind_of(expected: str, kind: type) -> Shape:
    def shape(where: str, value: Any) -> None:
        if not isinstance(value, kind):
            wrong(where, expected)

    return shape


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TEXT = kind_of("a text", str)
FLAG = kind_of("true or false", bool)
WHOLE = plain("a whole number", is_whole)
POSITIVE = plain("a whole number greater than 0", lambda value: is_whole(value) and value > 0)
OBJECT = kind_of("an object", dict)
LIST = kind_of("a list", list)


def one_of(*words: str) -> Shape:
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return plain(listed, lambda value: value in words)


# How hard to think, in all dialects; what a model lacks is fitted to it.
EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")


def fields(needed: Table = NOTHING, maybe: Table = NOTHING) -> Shape:
    """An object with such fields.  `maybe`: those that it may lack, where null is as good as absent."""

    def shape(where: str, value: Any) -> None:
        OBJECT(where, value)
        for name, inner in needed.items():
            inner(f"{where}.{name}", value.get(name))
        for name, inner in maybe.items():
            if value.get(name) is not None:
                inner(f"{where}.{name}", value[name])

    return shape


def each(inner: Shape) -> Shape:
    """A list of such."""

    def shape(where: str, value: Any) -> None:
        LIST(where, value)
        for place, member in enumerate(value):
            inner(f"{where}.{place}", member)

    return shape


def text_or(kind: type[list[Any]] | type[Json], inner: Shape) -> Shape:
    """`kind`: what it may be instead, and then has to be like `inner`."""
    expected = {list: "a text or a list", dict: "a text or an object"}[kind]

    def shape(where: str, value: Any) -> None:
        if isinstance(value, kind):
            inner(where, value)
        elif not isinstance(value, str):
            wrong(where, expected)

    return shape


def text_or_each(inner: Shape) -> Shape:
    return text_or(list, each(inner))


def among(rows: Table, *allowed: str, other: Shape = OBJECT) -> Shape:
    """A part of one of these types.  The rest of the rows are for others to say.

    :param other: for what has no row.
    """
    misplaced = plain(f"{', '.join(allowed[:-1])} or {allowed[-1]}" if allowed[1:] else allowed[0], never)
    return by("type", {kind: rows[kind] if kind in allowed else misplaced for kind in rows}, other=other)


def form(rows: Table, *, usual: str | None = None) -> Shape:
    """The form of an answer: one of these, since one that is not known can't be asked for."""
    return by("type", rows, usual=usual, other=fields({"type": one_of(*rows)}))


def never(_value: Any) -> bool:
    return False


def by(key: str, rows: Table, *, usual: str | None = None, other: Shape = OBJECT) -> Shape:
    """An object of which one field says what it is.

    :param usual: what it is where the field is left out.
    :param other: for what has no row: whoever reads it knows why it can't be sent.
    """

    def shape(where: str, value: Any) -> None:
        OBJECT(where, value)
        given = value.get(key)
        kind: Any = usual if given is None else given
        if not isinstance(kind, str):
            wrong(f"{where}.{key}", "a text")
        rows.get(kind, other)(where, value)

    return shape
