"""The schemas of tools' arguments, as OpenAI and Claude take them: an object, in the words of draft 2020-12.

What only describes more than they take is said in words, for the model to read.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import Prompt, Tool
from copilot_bridge.errors import InvalidRequest

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
UNIONS = ("allOf", "anyOf", "oneOf")
# What neither takes at the root beside the unions.
NOT_AT_ROOT = ("enum", "const", "not", "if", "then", "else")

# Where a schema holds others: one, a list of them, or some by their names.
ONE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else",
       "additionalItems", "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
# Where null is a value and no member that was left empty.
VALUES = ("const", "default", "enum", "examples")


def adapt_argument_schemas(prompt: Prompt, limits: Limits) -> Prompt:
    tools = tuple(adapt_tool(tool, limits) for tool in prompt.tools)
    return prompt if tools == prompt.tools else replace(prompt, tools=tools)


def adapt_tool(tool: Tool, limits: Limits) -> Tool:
    if tool.custom:
        return tool
    schema = adapt_argument_schema(tool.schema, limits)
    return tool if schema is tool.schema else replace(tool, schema=schema)


def adapt_argument_schema(schema: JsonObject, limits: Limits) -> JsonObject:
    """An object's schema.  The same one if it is one already.

    :raises InvalidRequest: it is nested too deeply.
    """
    try:
        adapted = adapt_encoded(codec.write(schema), limits.properties, limits.items)
    except (RecursionError, ValueError):
        raise InvalidRequest("tools: they are nested too deeply", param="tools") from None
    return schema if adapted is None else codec.read(adapted)


@lru_cache(maxsize=1024)
def adapt_encoded(schema: bytes, properties: bool, items: bool) -> bytes | None:
    """None: nothing has to change.  Agents say the same tools with each request."""
    given = codec.read(schema)
    adapted = adapt_schema(given, Limits(properties=properties, items=items))
    return None if adapted == given else codec.write(adapted)


def adapt_schema(schema: JsonObject, limits: Limits) -> JsonObject:
    cleaned = each_schema(schema, lambda inner: clean(inner, limits))
    adapted = as_object(cleaned)
    if limits.properties and not isinstance(adapted.get("properties"), dict):
        adapted = adapted | {"properties": {}}
    return adapted


def each_schema(schema: Any, change: Callable[[JsonObject], JsonObject]) -> Any:
    """The schema with all that are inside of it changed, the inner ones first."""
    if not isinstance(schema, dict):
        return schema
    told = dict(schema)
    for key in told.keys() & {*ONE, *SEVERAL, *NAMED}:
        told[key] = inside(key, told[key], change)
    return change(told)


def inside(key: str, value: Any, change: Callable[[JsonObject], JsonObject]) -> Any:
    if isinstance(value, list):
        return [each_schema(each, change) for each in value]
    if key in NAMED and isinstance(value, dict):
        return {name: each_schema({} if each is None else each, change) for name, each in value.items()}
    return each_schema(value, change)


def clean(schema: JsonObject, limits: Limits) -> JsonObject:
    kept = {key: value for key, value in schema.items() if value is not None or key in VALUES}
    for change in (known_type, listed_items, own_limits, needed_names, named_members):
        change(kept)
    if limits.items and kept.get("type") == "array":
        kept.setdefault("items", {})
    return kept


def known_type(schema: JsonObject) -> None:
    """`type`: what no draft knows says nothing."""
    given = schema.get("type")
    known = [each for each in given if each in TYPES] if isinstance(given, list) else []
    if isinstance(given, list) and known:
        schema["type"] = known if len(known) > 1 else known[0]
    elif given not in TYPES:
        schema.pop("type", None)


def listed_items(schema: JsonObject) -> None:
    """Older drafts list an array's members in `items`."""
    if isinstance(given := schema.get("items"), list):
        members = [each for each in given if each is not None]
        schema["items"] = {"anyOf": members} if len(members) > 1 else next(iter(members), {})


def own_limits(schema: JsonObject) -> None:
    """Draft 4 says of a limit by yes or no whether it is excluded."""
    for key, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(key), bool) and schema.pop(key) and limit in schema:
            schema[key] = schema.pop(limit)


def needed_names(schema: JsonObject) -> None:
    """Draft 3 says `required` of each member by yes or no."""
    if "required" in schema and not isinstance(schema["required"], list):
        del schema["required"]


def named_members(schema: JsonObject) -> None:
    """Some languages write an object without members as an empty list."""
    for key in NAMED:
        if not isinstance(schema.get(key, {}), dict):
            schema[key] = {}


def as_object(schema: JsonObject) -> JsonObject:
    """What the root can't be, merged into an object, and told in its description."""
    told = dict(resolved(schema, schema))
    for key in UNIONS:
        if isinstance(alternatives := told.pop(key, None), list):
            told = merged(told, key, [resolved(each, schema) for each in alternatives if each])
    if rest := {key: told.pop(key) for key in NOT_AT_ROOT if key in told}:
        told = described(told, rest)
    return {"type": "object"} | told | {"type": "object"}


def resolved(schema: Any, root: JsonObject) -> JsonObject:
    """What a `$ref` within the schema refers to, beside what stands there itself."""
    seen: list[str] = []
    told = dict(schema) if isinstance(schema, dict) else {}
    while isinstance(place := told.get("$ref"), str) and place.startswith("#"):
        del told["$ref"]
        if place not in seen and isinstance(found := at(root, place), dict):
            told = found | told
        seen.append(place)
    return told


def at(root: JsonObject, place: str) -> Any:
    """None: there is nothing."""
    found: Any = root
    for step in place.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def merged(schema: JsonObject, union: str, alternatives: list[JsonObject]) -> JsonObject:
    """The members of all; needed are those that all need, or with `allOf` that one needs."""
    properties = dict(named(schema, "properties"))
    for each in alternatives:
        for name, inner in named(each, "properties").items():
            properties[name] = either(properties.get(name, inner), inner)
    needs = [needed_in(each) for each in alternatives]
    needed = (set.union if union == "allOf" else set.intersection)(*needs) if needs else set()
    needed |= needed_in(schema)
    told = schema | {"properties": properties}
    told |= {"required": [name for name in properties if name in needed]} if needed else {}
    return told if union == "allOf" else described(told, {union: alternatives})


def named(schema: JsonObject, key: str) -> JsonObject:
    given = schema.get(key)
    return given if isinstance(given, dict) else {}


def listed(schema: JsonObject, key: str) -> list[Any]:
    given = schema.get(key)
    return given if isinstance(given, list) else []


def needed_in(schema: JsonObject) -> set[str]:
    return {name for name in listed(schema, "required") if isinstance(name, str)}


def either(one: Any, other: Any) -> Any:
    return one if one == other else {"anyOf": [one, other]}


def described(schema: JsonObject, rest: JsonObject) -> JsonObject:
    """With the rest in words.  Source of the form: what Anthropic's own SDK does with limits."""
    words = ", ".join(f"{key}: {codec.write(value).decode()}" for key, value in rest.items())
    description = schema.get("description")
    before = f"{description}\n\n" if isinstance(description, str) and description else ""
    return schema | {"description": f"{before}{{{words}}}"}
