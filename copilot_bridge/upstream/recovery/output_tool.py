"""Structured output by a tool, for models whose backend knows no output format.

Models fill in a tool's input by its schema.  So the schema of the response becomes the schema of a tool that
has to be called; `dialects/output_tool.py` turns the input of that call into the text of the response.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

# A client's own tool with this name would be mistaken for it.
OUTPUT_TOOL = "bridge_final_answer"
ABOUT = "Give the final answer, in this form.  Call this once, with the whole answer, when you have it."


class OutputFormatFields(Struct, frozen=True):
    """The fields of an API for output formats and forced tools.

    :param path: of the output format.  :param inside: of the schema, below that.
    :param tool: makes a tool of a schema.  :param only, any: the choice of that tool, or of any tool.
    :param one: allows one call at a time.  :param thinking: fields that a forced tool excludes.
    """

    path: tuple[str, ...]
    inside: tuple[str, ...]
    tool: Callable[[Json], Json]
    only: Any
    any: Any
    one: Json
    thinking: tuple[str, ...]


def function(schema: Json) -> Json:
    return {"name": OUTPUT_TOOL, "description": ABOUT, "parameters": schema}


FIELDS = {
    "messages": OutputFormatFields(
        ("output_config", "format"),
        ("schema",),
        lambda schema: {"name": OUTPUT_TOOL, "description": ABOUT, "input_schema": schema},
        {"type": "tool", "name": OUTPUT_TOOL, "disable_parallel_tool_use": True},
        {"type": "any", "disable_parallel_tool_use": True},
        {},
        ("thinking",),
    ),
    "chat": OutputFormatFields(
        ("response_format",),
        ("json_schema", "schema"),
        lambda schema: {"type": "function", "function": function(schema)},
        {"type": "function", "function": {"name": OUTPUT_TOOL}},
        "required",
        {"parallel_tool_calls": False},
        ("thinking_budget",),
    ),
    "responses": OutputFormatFields(
        ("text", "format"),
        ("schema",),
        lambda schema: {"type": "function", **function(schema), "strict": False},
        {"type": "function", "name": OUTPUT_TOOL},
        "required",
        {"parallel_tool_calls": False},
        (),
    ),
}
FREE = ("auto", "none")


def ask_by_tool(body: Json, api: str) -> bool:
    """Request the output format by a tool.  False: there is no format, or none for which this works.

    If the client forces a tool of its own, no text of the response could have a format.
    """
    fields = FIELDS[api]
    schema = inner(body, (*fields.path, *fields.inside))
    if not isinstance(schema, dict) or not is_object(schema):
        return False
    take(body, fields.path)
    choice = body.get("tool_choice") or "auto"
    named = choice.get("type") if isinstance(choice, dict) else choice
    if named in FREE:
        force(body, fields, schema, offered=named != "none")
    return True


def asks_by_tool(body: Json) -> bool:
    names = (inner(tool, path) for tool in tools(body) for path in (("name",), ("function", "name")))
    return OUTPUT_TOOL in names


def tools(body: Json) -> list[Any]:
    given = body.get("tools")
    return given if isinstance(given, list) else []


def inner(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def take(body: Json, path: tuple[str, ...]) -> None:
    """Remove a field, and what is empty without it."""
    *outer, last = path
    holder = inner(body, tuple(outer))
    del holder[last]
    if outer and not holder:
        del body[outer[0]]


def is_object(schema: Json) -> bool:
    return schema.get("type") == "object" or isinstance(schema.get("properties"), dict)


def force(body: Json, fields: OutputFormatFields, schema: Json, *, offered: bool) -> None:
    """Add the tool and force its call.  `offered`: the client's own tools may be called first."""
    others = tools(body)
    body["tools"] = [*others, fields.tool({"type": "object"} | schema)]
    body["tool_choice"] = fields.any if others and offered else fields.only
    body |= fields.one
    for field in fields.thinking:
        body.pop(field, None)
