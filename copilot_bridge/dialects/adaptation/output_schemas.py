"""The schema of an answer, as far as a target can hold a model to it; the rest is said in words.

Neither takes all of JSON Schema.  Claude wants every object closed; OpenAI, where it is strict, wants besides
that every member is needed.  An object that is meant to be open is left as it is: closing it would change
what the answer may be, so it is for the target to refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from copilot_bridge.dialects.adaptation.argument_schemas import (
    clean,
    described,
    each_schema,
    listed,
    named,
    needed_in,
)
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.codec import JsonObject

ANY = frozenset({"type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions"})
OBJECT = frozenset({"properties", "required", "additionalProperties"})
SAID_OTHERWISE = {"type", "anyOf", "allOf", "enum", "const"}  # what may be there
BESIDE_REF = ("$ref", "$defs", "definitions")
OPEN = ("patternProperties", "unevaluatedProperties", "additionalProperties")
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")


@dataclass(frozen=True, slots=True)
class SchemaSubset:
    """What a target takes in the schema of an answer.

    :param any: of each schema.  :param by_type: by the type.  :param formats: of a string.
    :param type_lists: a type may be several.  :param min_items: what `minItems` may be; None: anything.
    """

    any: frozenset[str]
    by_type: Mapping[str, frozenset[str]]
    formats: tuple[str, ...]
    type_lists: bool
    min_items: tuple[int, ...] | None


NO_LIMITS = Limits(properties=False, items=False)
NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
SCHEMA_SUBSETS = {
    "anthropic": SchemaSubset(
        any=ANY | {"allOf"},
        by_type={
            "object": OBJECT,
            "array": frozenset({"items", "minItems"}),
            "string": frozenset({"format"}),
        },
        formats=(*FORMATS, "uri"),
        type_lists=False,
        min_items=(0, 1),
    ),
    "openai": SchemaSubset(
        any=ANY,
        by_type={
            "object": OBJECT,
            "array": frozenset({"items", "minItems", "maxItems"}),
            "string": frozenset({"format", "pattern"}),
            "number": NUMBERS,
            "integer": NUMBERS,
        },
        formats=FORMATS,
        type_lists=True,
        min_items=None,
    ),
}


def output_schema(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    """The same in this form."""
    return adapt_schema(each_schema(schema, lambda inner: clean(inner, NO_LIMITS)), subset)


def adapt_schema(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    if "$ref" in schema:  # nothing may stand beside it but what it refers to
        return adapt_inner({key: value for key, value in schema.items() if key in BESIDE_REF}, subset)
    told = one_type(any_of(schema), subset)
    if named(told, "properties") and not told.keys() & SAID_OTHERWISE:
        told["type"] = "object"
    kept = {key: value for key, value in told.items() if is_taken(key, value, told, subset)}
    if is_closed(told):
        kept["additionalProperties"] = False
    rest = {key: value for key, value in told.items() if key not in kept and key != "$schema"}
    adapted = adapt_inner(kept, subset)
    return described(adapted, rest) if rest else adapted


def any_of(schema: JsonObject) -> JsonObject:
    """What one of several has to hold for, any may; all of one is that one."""
    told = dict(schema)
    if isinstance(told.get("oneOf"), list) and "anyOf" not in told:
        told["anyOf"] = told.pop("oneOf")
    every = told.get("allOf")
    if isinstance(every, list) and len(every) == 1 and isinstance(every[0], dict):
        told = every[0] | {key: value for key, value in told.items() if key != "allOf"}
    return told


def one_type(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    """A list of types as alternatives, of which null has nothing else to say."""
    types = schema.get("type")
    if subset.type_lists or not isinstance(types, list):
        return schema
    apart = {"title", "description", "$defs", "definitions"}
    about = {key: value for key, value in schema.items() if key in apart}
    rest = {key: value for key, value in schema.items() if key not in apart and key != "type"}
    if "enum" in rest or "const" in rest or "anyOf" in rest:
        return about | rest
    return about | {"anyOf": [{"type": each} if each == "null" else {"type": each} | rest for each in types]}


def is_taken(key: str, value: Any, schema: JsonObject, subset: SchemaSubset) -> bool:
    types = schema.get("type")
    of_type = (subset.by_type.get(str(each), ()) for each in (types if isinstance(types, list) else [types]))
    if key not in subset.any and not any(key in taken for taken in of_type):
        return False
    if key == "format":
        return value in subset.formats
    if key == "minItems" and subset.min_items is not None:
        return value in subset.min_items
    return key != "enum" or not any(isinstance(each, dict | list) for each in listed(schema, key))


def is_closed(schema: JsonObject) -> bool:
    """It has members, and says nothing of others."""
    return bool(named(schema, "properties")) and not any(schema.get(key) not in (None, False) for key in OPEN)


def adapt_inner(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    told = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(given := told.get(key), dict):
            told[key] = {name: adapt_any(each, subset) for name, each in given.items()}
    for key in ("anyOf", "allOf"):
        if isinstance(given := told.get(key), list):
            told[key] = [adapt_any(each, subset) for each in given]
    if "items" in told:
        told["items"] = adapt_any(told["items"], subset)
    return told


def adapt_any(schema: Any, subset: SchemaSubset) -> Any:
    return adapt_schema(schema, subset) if isinstance(schema, dict) else schema


def is_strict(schema: Any, *, root: bool = True) -> bool:
    """OpenAI can hold a model to it: every object is closed, and needs all of its members."""
    if not isinstance(schema, dict) or (root and schema.get("type") != "object"):
        return False
    inner = [*inner_schemas(schema)]
    if "$ref" in schema and not root:
        return all(is_strict(each, root=False) for each in inner)
    told = schema.get("type") or schema.get("anyOf") or schema.get("enum") or "const" in schema
    is_object = schema.get("type") == "object" or "properties" in schema
    whole = not is_object or (
        schema.get("additionalProperties") is False
        and needed_in(schema) == named(schema, "properties").keys()
    )
    return bool(told) and whole and all(is_strict(each, root=False) for each in inner)


def inner_schemas(schema: JsonObject) -> list[Any]:
    by_name = [each for key in ("properties", "$defs", "definitions") for each in named(schema, key).values()]
    return [*by_name, *listed(schema, "anyOf"), *([schema["items"]] if "items" in schema else ())]
