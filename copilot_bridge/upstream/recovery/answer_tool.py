"""The form of an answer, where a model's backend knows none: the input of a tool that has to be called.

Models fill in a tool's input by its schema.  So the schema that the answer should have becomes that of a
tool; `dialects/tool_answer.py` makes a text of what it is called with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# A client's own tool of this name would be another one's answer.
ANSWER_TOOL = "bridge_final_answer"
ABOUT = "Give the final answer, in this form.  Call this once, with the whole answer, when you have it."


@dataclass(frozen=True, slots=True)
class Way:
    """How an API says it.

    :param path: of the form that is asked for.  :param inside: of the schema, below that.
    :param tool: by its schema.  :param choose: the tool alone, or any of those that are offered.
    :param one: of the calls at a time.  :param thinking: fields that no forced tool goes with.
    """

    path: tuple[str, ...]
    inside: tuple[str, ...]
    tool: Callable[[Json], Json]
    only: Any
    any: Any
    one: Json
    thinking: tuple[str, ...]


def function(schema: Json) -> Json:
    return {"name": ANSWER_TOOL, "description": ABOUT, "parameters": schema}


WAYS = {
    "messages": Way(
        ("output_config", "format"),
        ("schema",),
        lambda schema: {"name": ANSWER_TOOL, "description": ABOUT, "input_schema": schema},
        {"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": True},
        {"type": "any", "disable_parallel_tool_use": True},
        {},
        ("thinking",),
    ),
    "chat": Way(
        ("response_format",),
        ("json_schema", "schema"),
        lambda schema: {"type": "function", "function": function(schema)},
        {"type": "function", "function": {"name": ANSWER_TOOL}},
        "required",
        {"parallel_tool_calls": False},
        ("thinking_budget",),
    ),
    "responses": Way(
        ("text", "format"),
        ("schema",),
        lambda schema: {"type": "function", **function(schema), "strict": False},
        {"type": "function", "name": ANSWER_TOOL},
        "required",
        {"parallel_tool_calls": False},
        (),
    ),
}
FREE = ("auto", "none")


def ask_by_tool(body: Json, api: str) -> bool:
    """False: no form is asked for, or none that can be asked for so.

    Where the client forces a tool of its own there is no answer that could have a form.
    """
    way = WAYS[api]
    schema = inner(body, (*way.path, *way.inside))
    if not isinstance(schema, dict) or not is_object(schema):
        return False
    take(body, way.path)
    choice = body.get("tool_choice") or "auto"
    named = choice.get("type") if isinstance(choice, dict) else choice
    if named in FREE:
        force(body, way, schema, offered=named != "none")
    return True


def asks_by_tool(body: Json) -> bool:
    names = (inner(each, path) for each in tools(body) for path in (("name",), ("function", "name")))
    return ANSWER_TOOL in names


def tools(body: Json) -> list[Any]:
    given = body.get("tools")
    return given if isinstance(given, list) else []


def inner(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def take(body: Json, path: tuple[str, ...]) -> None:
    """Nothing empty is left behind."""
    *outer, last = path
    holder = inner(body, tuple(outer))
    del holder[last]
    if outer and not holder:
        del body[outer[0]]


def is_object(schema: Json) -> bool:
    return schema.get("type") == "object" or isinstance(schema.get("properties"), dict)


def force(body: Json, way: Way, schema: Json, *, offered: bool) -> None:
    """:param offered: the client's own tools may be called instead, for now."""
    others = tools(body)
    body["tools"] = [*others, way.tool({"type": "object"} | schema)]
    body["tool_choice"] = way.any if others and offered else way.only
    body |= way.one
    for field in way.thinking:
        body.pop(field, None)
