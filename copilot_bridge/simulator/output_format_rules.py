"""The refusals of Claude models for the schema of an output format, in Anthropic's words.

Source: Anthropic's reference of structured outputs, and refusals as reported in public (2025 and 2026).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.messages_parts import Body, wrong

WHERE = "output_config.format.schema"
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
LIMITS: Mapping[str, tuple[str, ...]] = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains"),
    "object": ("minProperties", "maxProperties", "patternProperties", "propertyNames"),
}
"""By the type of a value, what it may not say of it."""

NAMED = ("properties", "$defs", "definitions")
SEVERAL = ("anyOf", "allOf")


def check_output_format(body: Body, _row: Row, _betas: str) -> None:
    output_format = (body.get("output_config") or {}).get("format")
    if not isinstance(output_format, dict):
        return
    if output_format.get("type") != "json_schema":
        wrong("output_config.format.type: Input should be 'json_schema'")
    if not isinstance(output_format.get("schema"), dict):
        wrong(f"{WHERE}: Field required")
    for schema in schemas_in(output_format["schema"]):
        check_schema(schema)


def schemas_in(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and all that are inside of it."""
    if not isinstance(schema, dict):
        return
    yield schema
    held = [schema.get("items")]
    held += [inner for name in NAMED for inner in (schema.get(name) or {}).values()]
    held += [inner for name in SEVERAL for inner in schema.get(name) or ()]
    for inner in held:
        yield from schemas_in(inner)


def check_schema(schema: Mapping[str, Any]) -> None:
    if "oneOf" in schema:
        wrong(f"{WHERE}: Schema type 'oneOf' is not supported")
    given = schema.get("type")
    for kind in given if isinstance(given, list) else [given]:
        for name in LIMITS.get(str(kind), ()):
            if name in schema:
                wrong(f"{WHERE}: For '{kind}' type, property '{name}' is not supported")
        if kind == "object" and schema.get("additionalProperties") is not False:
            wrong(f"{WHERE}: For 'object' type, 'additionalProperties' must be explicitly set to false")
        if kind == "array" and schema.get("minItems", 0) not in (0, 1):
            wrong(f"{WHERE}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
