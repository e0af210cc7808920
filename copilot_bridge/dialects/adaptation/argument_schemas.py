"""JSON Schemas of tools' arguments, as OpenAI and Claude accept them: an object in draft 2020-12.

Keywords that they do not accept but that only describe are moved into the description.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import Prompt, Tool
from copilot_bridge.errors import InvalidRequest

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
UNIONS = ("allOf", "anyOf", "oneOf")
# Keywords that neither accepts at the root, besides the unions.
NOT_AT_ROOT = ("enum", "const", "not", "if", "then", "else")

# Keywords whose value is a schema, a list of schemas, or schemas by name.
SCHEMA_KEYWORDS = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else",
       "additionalItems", "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
SCHEMA_LIST_KEYWORDS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
SCHEMA_MAP_KEYWORDS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
# Keywords where null is a value and not an empty member.
VALUE_KEYWORDS = ("const", "default", "enum", "examples")


def adapt_argument_schemas(prompt: Prompt, limits: Limits) -> Prompt:
    tools = tuple(adapt_tool(tool, limits) for tool in prompt.tools)
    return prompt if tools == prompt.tools else replace(prompt, tools=tools)


def adapt_tool(tool: Tool, limits: Limits) -> Tool:
    if tool.custom:
        return tool
    schema = adapt_argument_schema(tool.schema, limits)
    return tool if schema is tool.schema else replace(tool, schema=schema)


def adapt_argument_schema(schema: JsonObject, limits: Limits) -> JsonObject:
    """Return the schema as one of an object; the same schema if it is accepted already.

    :raises InvalidRequest: it is nested too deeply.
    """
    try:
        adapted = adapt_encoded(codec.write(schema), limits.properties, limits.items)
    except (RecursionError, ValueError):
        raise InvalidRequest("tools: a schema is nested too deeply", param="tools") from None
    return schema if adapted is None else codec.read(adapted)


@lru_cache(maxsize=1024)
def adapt_encoded(schema: bytes, properties: bool, items: bool) -> bytes | None:
    """Adapt an encoded schema; None if nothing has to change.

    Agents send the same tools with each request, so the results are cached.
    """
    decoded = codec.read(schema)
    adapted = adapt_schema(decoded, Limits(properties=properties, items=items))
    return None if adapted == decoded else codec.write(adapted)


def adapt_schema(schema: JsonObject, limits: Limits) -> JsonObject:
    cleaned = each_schema(schema, lambda inner: clean(inner, limits))
    adapted = as_object_schema(cleaned)
    if limits.properties and not isinstance(adapted.get("properties"), dict):
        adapted = adapted | {"properties": {}}
    return adapted


def each_schema(schema: Any, change: Callable[[JsonObject], JsonObject]) -> Any:
    """Apply a change to a schema and to all schemas inside it, innermost first."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    for key in changed.keys() & {*SCHEMA_KEYWORDS, *SCHEMA_LIST_KEYWORDS, *SCHEMA_MAP_KEYWORDS}:
        changed[key] = inside(key, changed[key], change)
    return change(changed)


def inside(key: str, value: Any, change: Callable[[JsonObject], JsonObject]) -> Any:
    """Apply a change to the schemas in the value of a keyword."""
    if isinstance(value, list):
        return [each_schema(inner, change) for inner in value]
    if key in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
        return {name: each_schema({} if inner is None else inner, change) for name, inner in value.items()}
    return each_schema(value, change)


def clean(schema: JsonObject, limits: Limits) -> JsonObject:
    kept = {key: value for key, value in schema.items() if value is not None or key in VALUE_KEYWORDS}
    for change in (known_type, listed_items, exclusive_limits, boolean_required, member_maps):
        change(kept)
    if limits.items and kept.get("type") == "array":
        kept.setdefault("items", {})
    return kept


def known_type(schema: JsonObject) -> None:
    """Remove types that no draft knows."""
    type_ = schema.get("type")
    known = [name for name in type_ if name in TYPES] if isinstance(type_, list) else []
    if isinstance(type_, list) and known:
        schema["type"] = known if len(known) > 1 else known[0]
    elif type_ not in TYPES:
        schema.pop("type", None)


def listed_items(schema: JsonObject) -> None:
    """Replace a list of schemas in `items`, as older drafts have it, by one schema."""
    if isinstance(items := schema.get("items"), list):
        members = [member for member in items if member is not None]
        schema["items"] = {"anyOf": members} if len(members) > 1 else next(iter(members), {})


def exclusive_limits(schema: JsonObject) -> None:
    """Convert the draft 4 form of an exclusive limit, a boolean beside the limit."""
    for key, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(key), bool) and schema.pop(key) and limit in schema:
            schema[key] = schema.pop(limit)


def boolean_required(schema: JsonObject) -> None:
    """Remove the draft 3 form of `required`, a boolean in each member."""
    if "required" in schema and not isinstance(schema["required"], list):
        del schema["required"]


def member_maps(schema: JsonObject) -> None:
    """Replace an empty list, which some languages write for an object without members, by an object."""
    for key in SCHEMA_MAP_KEYWORDS:
        if not isinstance(schema.get(key, {}), dict):
            schema[key] = {}


def as_object_schema(schema: JsonObject) -> JsonObject:
    """Return the root as an object schema, with its unions merged.

    What an object schema can't have is moved to its description.
    """
    result = dict(with_reference_resolved(schema, schema))
    for key in UNIONS:
        if isinstance(alternatives := result.pop(key, None), list):
            result = merge_alternatives(
                result,
                key,
                [with_reference_resolved(alternative, schema) for alternative in alternatives if alternative],
            )
    if rejected := {key: result.pop(key) for key in NOT_AT_ROOT if key in result}:
        result = describe_keywords(result, rejected)
    return {"type": "object"} | result | {"type": "object"}


def with_reference_resolved(schema: Any, root: JsonObject) -> JsonObject:
    """Return a schema merged with what its `$ref` refers to."""
    seen: list[str] = []
    result = dict(schema) if isinstance(schema, dict) else {}
    while isinstance(pointer := result.get("$ref"), str) and pointer.startswith("#"):
        del result["$ref"]
        if pointer not in seen and isinstance(found := resolve_pointer(root, pointer), dict):
            result = found | result
        seen.append(pointer)
    return result


def resolve_pointer(root: JsonObject, pointer: str) -> Any:
    """Return what a JSON pointer refers to, or None."""
    found: Any = root
    for step in pointer.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def merge_alternatives(schema: JsonObject, union: str, alternatives: list[JsonObject]) -> JsonObject:
    """Return a schema with the members of all alternatives.

    A member is required if all alternatives require it, or with `allOf` if one does.
    """
    properties = dict(object_member(schema, "properties"))
    for alternative in alternatives:
        for name, inner in object_member(alternative, "properties").items():
            properties[name] = any_of_both(properties.get(name, inner), inner)
    required_by = [required_in(alternative) for alternative in alternatives]
    required = (set.union if union == "allOf" else set.intersection)(*required_by) if required_by else set()
    required |= required_in(schema)
    result = schema | {"properties": properties}
    result |= {"required": [name for name in properties if name in required]} if required else {}
    return result if union == "allOf" else describe_keywords(result, {union: alternatives})


def object_member(schema: JsonObject, key: str) -> JsonObject:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def list_member(schema: JsonObject, key: str) -> list[Any]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


def required_in(schema: JsonObject) -> set[str]:
    return {name for name in list_member(schema, "required") if isinstance(name, str)}


def any_of_both(one: Any, other: Any) -> Any:
    return one if one == other else {"anyOf": [one, other]}


def describe_keywords(schema: JsonObject, keywords: JsonObject) -> JsonObject:
    """Append keywords to the description.  Source of the form: what Anthropic's SDK does with limits."""
    words = ", ".join(f"{key}: {codec.write(value).decode()}" for key, value in keywords.items())
    description = schema.get("description")
    start = f"{description}\n\n" if isinstance(description, str) and description else ""
    return schema | {"description": f"{start}{{{words}}}"}
