"""JSON Schemas of the output, reduced to the subset that a target enforces; the rest goes into descriptions.

Claude wants every object closed, and OpenAI's strict mode also wants every member required.  An object that
is open on purpose stays open, since closing it would change what the output may be; the target may refuse it.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from copilot_bridge.dialects.adaptation.argument_schemas import (
    clean,
    describe_keywords,
    each_schema,
    list_member,
    object_member,
    required_in,
)
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.codec import JsonObject

COMMON = frozenset({"type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions"})
OBJECT_KEYWORDS = frozenset({"properties", "required", "additionalProperties"})
TYPE_KEYWORDS = {"type", "anyOf", "allOf", "enum", "const"}  # they decide the type
BESIDE_REF = ("$ref", "$defs", "definitions")
OPENNESS_KEYWORDS = ("patternProperties", "unevaluatedProperties", "additionalProperties")
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")


class SchemaSubset(Struct, frozen=True):
    """The keywords of JSON Schema that a target accepts for the output.

    :param any: in every schema.
    :param by_type: in a schema of that type.
    :param formats: of strings.
    :param type_lists: whether `type` may be a list.
    :param min_items: the values that `minItems` may have; None: any.
    """

    any: frozenset[str]
    by_type: Mapping[str, frozenset[str]]
    formats: tuple[str, ...]
    type_lists: bool
    min_items: tuple[int, ...] | None


NO_REQUIRED_KEYWORDS = Limits(properties=False, items=False)
NUMBER_KEYWORDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
SCHEMA_SUBSETS = {
    "anthropic": SchemaSubset(
        any=COMMON | {"allOf"},
        by_type={
            "object": OBJECT_KEYWORDS,
            "array": frozenset({"items", "minItems"}),
            "string": frozenset({"format"}),
        },
        formats=(*FORMATS, "uri"),
        type_lists=False,
        min_items=(0, 1),
    ),
    "openai": SchemaSubset(
        any=COMMON,
        by_type={
            "object": OBJECT_KEYWORDS,
            "array": frozenset({"items", "minItems", "maxItems"}),
            "string": frozenset({"format", "pattern"}),
            "number": NUMBER_KEYWORDS,
            "integer": NUMBER_KEYWORDS,
        },
        formats=FORMATS,
        type_lists=True,
        min_items=None,
    ),
}


def output_schema(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    """Reduce a schema to a subset."""
    return adapt_schema(each_schema(schema, lambda inner: clean(inner, NO_REQUIRED_KEYWORDS)), subset)


def adapt_schema(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    if "$ref" in schema:  # nothing may stand beside it but definitions
        return adapt_inner({key: value for key, value in schema.items() if key in BESIDE_REF}, subset)
    simplified = split_types(simplify_unions(schema), subset)
    if object_member(simplified, "properties") and not simplified.keys() & TYPE_KEYWORDS:
        simplified["type"] = "object"
    accepted = {
        key: value for key, value in simplified.items() if is_accepted(key, value, simplified, subset)
    }
    if is_closed(simplified):
        accepted["additionalProperties"] = False
    remaining = {key: value for key, value in simplified.items() if key not in accepted and key != "$schema"}
    adapted = adapt_inner(accepted, subset)
    return describe_keywords(adapted, remaining) if remaining else adapted


def simplify_unions(schema: JsonObject) -> JsonObject:
    """Write `oneOf` as `anyOf`, and an `allOf` of one schema as that schema."""
    changed = dict(schema)
    if isinstance(changed.get("oneOf"), list) and "anyOf" not in changed:
        changed["anyOf"] = changed.pop("oneOf")
    all_of = changed.get("allOf")
    if isinstance(all_of, list) and len(all_of) == 1 and isinstance(all_of[0], dict):
        changed = all_of[0] | {key: value for key, value in changed.items() if key != "allOf"}
    return changed


def split_types(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    """Write a list of types as alternatives; the alternative null keeps nothing else."""
    types = schema.get("type")
    if subset.type_lists or not isinstance(types, list):
        return schema
    shared = {"title", "description", "$defs", "definitions"}
    common = {key: value for key, value in schema.items() if key in shared}
    remaining = {key: value for key, value in schema.items() if key not in shared and key != "type"}
    if "enum" in remaining or "const" in remaining or "anyOf" in remaining:
        return common | remaining
    return common | {
        "anyOf": [{"type": name} if name == "null" else {"type": name} | remaining for name in types]
    }


def is_accepted(key: str, value: Any, schema: JsonObject, subset: SchemaSubset) -> bool:
    """Return whether the subset has a keyword with this value."""
    types = schema.get("type")
    of_type = (subset.by_type.get(str(name), ()) for name in (types if isinstance(types, list) else [types]))
    if key not in subset.any and not any(key in keywords for keywords in of_type):
        return False
    if key == "format":
        return value in subset.formats
    if key == "minItems" and subset.min_items is not None:
        return value in subset.min_items
    return key != "enum" or not any(isinstance(value, dict | list) for value in list_member(schema, key))


def is_closed(schema: JsonObject) -> bool:
    """Return whether an object has members and says nothing about others."""
    return bool(object_member(schema, "properties")) and not any(
        schema.get(key) not in (None, False) for key in OPENNESS_KEYWORDS
    )


def adapt_inner(schema: JsonObject, subset: SchemaSubset) -> JsonObject:
    changed = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(inner := changed.get(key), dict):
            changed[key] = {name: adapt_any(subschema, subset) for name, subschema in inner.items()}
    for key in ("anyOf", "allOf"):
        if isinstance(inner := changed.get(key), list):
            changed[key] = [adapt_any(subschema, subset) for subschema in inner]
    if "items" in changed:
        changed["items"] = adapt_any(changed["items"], subset)
    return changed


def adapt_any(schema: Any, subset: SchemaSubset) -> Any:
    return adapt_schema(schema, subset) if isinstance(schema, dict) else schema


def is_strict(schema: Any, *, root: bool = True) -> bool:
    """Return whether OpenAI can enforce a schema.

    Every object has to be closed, and all its members required.
    """
    if not isinstance(schema, dict) or (root and schema.get("type") != "object"):
        return False
    inner = [*inner_schemas(schema)]
    if "$ref" in schema and not root:
        return all(is_strict(inner_schema, root=False) for inner_schema in inner)
    has_type = schema.get("type") or schema.get("anyOf") or schema.get("enum") or "const" in schema
    is_object = schema.get("type") == "object" or "properties" in schema
    is_complete = not is_object or (
        schema.get("additionalProperties") is False
        and required_in(schema) == object_member(schema, "properties").keys()
    )
    return (
        bool(has_type) and is_complete and all(is_strict(inner_schema, root=False) for inner_schema in inner)
    )


def inner_schemas(schema: JsonObject) -> list[Any]:
    by_name = [
        subschema
        for key in ("properties", "$defs", "definitions")
        for subschema in object_member(schema, key).values()
    ]
    return [*by_name, *list_member(schema, "anyOf"), *([schema["items"]] if "items" in schema else ())]
