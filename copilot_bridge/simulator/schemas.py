"""Values that satisfy a JSON schema, with words taken from the prompt where a string is wanted."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count, cycle
from typing import Any

import orjson

from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused

Schema = Mapping[str, Any]

# The errors of reading a malformed schema: keywords with values of any kind, references in a circle.
NO_SCHEMA = (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RecursionError)

SHALLOW = 3  # down to here optional properties are filled in too
DEEP = 8  # from here on the simplest value is taken: a schema may refer to itself

FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "email": "octocat@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
STOP_WORDS = frozenset(
    {"the", "and", "for", "with", "please", "what", "which", "this", "that", "call", "tool", "from", "into"}
)


def words_of(text: str) -> Iterator[str]:
    """Candidates for a string argument, the best first, without end.

    They are quoted phrases, paths and numbers, names, long words.
    """
    quoted = re.findall(r"[\"'`]([^\"'`]{1,80})[\"'`]", text)
    plain = [word.strip(".,;:!?()[]\"'`") for word in text.split()]
    paths = [word for word in plain if re.search(r"[./\\_]\w|\d", word) and not word.isdecimal()]
    names = [word for word in plain[1:] if word[:1].isupper() and word.isalpha()]
    others = [word for word in plain if len(word) > 3 and word.isalpha() and word.lower() not in STOP_WORDS]
    found = list(dict.fromkeys(chain(quoted, paths, names, others)))
    return cycle(found or ["example"])


class Inventor:
    """Invents values for one schema document; `root` is where `$ref` points into."""

    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._words = words_of(text)
        self._numbers = iter(map(float, re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])", text)))
        self._items = count(1)

    def invent(self, schema: Any, depth: int = 0) -> Any:
        if not isinstance(schema, Mapping):
            return next(self._words)  # `true` allows everything
        schema = self._resolve(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        make = self._MAKE.get(kind_of(schema, depth), Inventor._text)
        return make(self, schema, depth)

    def _resolve(self, schema: Schema, depth: int) -> Schema:
        """Follows `$ref`, merges `allOf`, and picks a branch of `anyOf` or `oneOf`.

        It picks the first branch, or deep down the simplest.
        """
        if "$ref" in schema:
            return self._resolve(self._find(schema["$ref"]), depth)
        if "allOf" in schema:
            merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                merge(merged, self._resolve(part, depth))
            return self._resolve(merged, depth)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                branches = (
                    [self._resolve(branch, depth) for branch in schema[key]] if depth < DEEP else schema[key]
                )
                return self._resolve(min(branches, key=weight) if depth >= DEEP else branches[0], depth)
        return schema

    def _find(self, pointer: str) -> Schema:
        """`#/$defs/name`; an unknown place allows everything."""
        found: Any = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {})
        return found if isinstance(found, Mapping) else {}

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        wanted = [*properties, *required] if depth < SHALLOW else required
        return {name: self.invent(properties.get(name, {}), depth + 1) for name in dict.fromkeys(wanted)}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        fixed = [self.invent(item, depth + 1) for item in schema.get("prefixItems", ())]
        min_items = schema.get("minItems", 0 if depth >= DEEP else 1)
        max_items = schema.get("maxItems", max(min_items, 1))
        more = range(
            max(0, min(max(min_items, 0 if fixed else 1 if depth < DEEP else 0), max_items) - len(fixed))
        )
        return fixed + [self.invent(schema.get("items", {}), depth + 1) for _ in more]

    def _text(self, schema: Schema, _depth: int) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        word = next(self._words)
        return word.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(word) + 10_000)]

    def _number(self, schema: Schema, _depth: int) -> int | float:
        minimum = schema.get(
            "minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else None
        )
        maximum = schema.get(
            "maximum", schema.get("exclusiveMaximum", 0) - 1 if "exclusiveMaximum" in schema else None
        )
        value = next(self._numbers, 1.0)
        value = value if minimum is None else max(value, minimum)
        value = value if maximum is None else min(value, maximum)
        if step := schema.get("multipleOf"):
            value = -(-value // step) * step
        return int(value) if value == int(value) else value

    def _integer(self, schema: Schema, depth: int) -> int:
        return int(self._number(schema, depth))

    _MAKE: Mapping[str, Callable[["Inventor", Schema, int], Any]] = {
        "object": _object,
        "array": _array,
        "string": _text,
        "number": _number,
        "integer": _integer,
        "boolean": lambda _self, _schema, _depth: True,
        "null": lambda _self, _schema, _depth: None,
    }


def invent(schema: Schema, text: str) -> str:
    """A value for `schema`, made of the words of `text`, as JSON.

    :raise Refused: it is no schema.
    """
    try:
        return orjson.dumps(Inventor(schema, text).invent(schema)).decode()
    except NO_SCHEMA:
        raise Refused(invalid("JSON schema is invalid. It must match JSON Schema draft 2020-12.")) from None


def kind_of(schema: Schema, depth: int) -> str:
    """The schema's type, or what its keywords suggest; of several types the first, or deep down null."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return (
            "null"
            if depth >= DEEP and "null" in kind
            else next((one for one in kind if one != "null"), "null")
        )
    if kind is None:
        return (
            "object"
            if "properties" in schema or "required" in schema
            else "array"
            if "items" in schema
            else "string"
        )
    return str(kind)


def weight(branch: Schema) -> int:
    """Return the rank of a branch by its possible depth: 0 for null, 2 for what may be endless."""
    if branch.get("type") == "null":
        return 0
    return 2 if branch.keys() & {"$ref", "properties", "items", "anyOf", "oneOf", "allOf"} else 1


def merge(into: dict[str, Any], part: Schema) -> None:
    """Adds a branch of `allOf`: properties and required names accumulate."""
    for key, value in part.items():
        if key == "properties":
            into[key] = {**into.get(key, {}), **value}
        elif key == "required":
            into[key] = [*into.get(key, ()), *value]
        else:
            into.setdefault(key, value)
