"""Google's form of schemas, turned into JSON Schema.

It has types in capitals, `nullable`, limits as strings, and the order of an object's properties beside them.
Clients also mix it into fields that are meant for JSON Schema.
https://ai.google.dev/api/caching#Schema
"""

from typing import Any

from copilot_bridge.dialects.adaptation.argument_schemas import (
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    TYPES,
)
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.gemini.spelling import camel_case
from copilot_bridge.errors import InvalidRequest

# Whole numbers, which Google's JSON also writes as strings.
COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")

WITH_SCHEMAS_INSIDE = frozenset((*SCHEMA_KEYWORDS, *SCHEMA_LIST_KEYWORDS))


def read_schema(where: str, schema: JsonObject) -> JsonObject:
    """Return a schema of either form as JSON Schema.

    :raises InvalidRequest: it is nested too deeply.
    """
    try:
        read: JsonObject = as_json_schema(schema)
    except RecursionError:
        raise InvalidRequest(f"{where}: the schema is nested too deeply", param=where) from None
    return read


def as_json_schema(schema: Any) -> Any:
    """Convert a schema with all schemas inside it.  A value of another type is returned as it is."""
    if not isinstance(schema, dict):
        return schema
    converted = {}
    for name, value in schema.items():
        keyword = camel_case(name)
        converted[keyword] = inside(keyword, value)
    for change in (known_type, plain_counts, ordered_properties, example, plain_format, nullable):
        change(converted)
    return converted


def inside(keyword: str, value: Any) -> Any:
    """Convert the schemas in the value of a keyword."""
    if keyword in WITH_SCHEMAS_INSIDE:
        return [*map(as_json_schema, value)] if isinstance(value, list) else as_json_schema(value)
    if keyword in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
        return {name: as_json_schema(inner) for name, inner in value.items()}
    return value


def known_type(schema: JsonObject) -> None:
    """Write types in small letters.  TYPE_UNSPECIFIED is none."""
    given = schema.get("type")
    if isinstance(given, str):
        schema["type"] = type_name(given)
    elif isinstance(given, list):
        schema["type"] = [type_name(name) if isinstance(name, str) else name for name in given]
    if schema.get("type") == "TYPE_UNSPECIFIED":
        del schema["type"]


def type_name(name: str) -> str:
    return name.lower() if name.lower() in TYPES else name


def plain_counts(schema: JsonObject) -> None:
    for keyword in COUNTS:
        value = schema.get(keyword)
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            schema[keyword] = int(value)


def ordered_properties(schema: JsonObject) -> None:
    """Put the properties themselves into the order that is given beside them."""
    order, properties = schema.pop("propertyOrdering", None), schema.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        first = {name: properties[name] for name in order if isinstance(name, str) and name in properties}
        schema["properties"] = first | properties


def example(schema: JsonObject) -> None:
    if "example" in schema:
        schema.setdefault("examples", [schema.pop("example")])


def plain_format(schema: JsonObject) -> None:
    """Remove a format that says nothing but that there is an `enum`."""
    if schema.get("format") == "enum":
        del schema["format"]


def nullable(schema: JsonObject) -> None:
    """Allow null as JSON Schema does."""
    if schema.pop("nullable", None) is not True:
        return
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        schema["type"] = [schema["type"], "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
