"""Tools in another form than chat's nested one, Responses' flat one or Anthropic's, and the choice of one."""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.dialects.chat.foreign_forms.parts import kind_of
from copilot_bridge.dialects.codec import JsonObject


def normalize_tools(body: JsonObject) -> bool:
    tools = body.get("tools")
    nested = [nested_tool(tool) for tool in tools] if isinstance(tools, list) else tools
    if nested == tools:
        return False
    body["tools"] = nested
    return True


def nested_tool(tool: Any) -> Any:
    """Return a tool in chat's form.  The tools that a server runs stay as they are."""
    if not isinstance(tool, dict) or "function" in tool or isinstance(tool.get("custom"), dict):
        return tool
    kind = tool.get("type")
    if not isinstance(tool.get("name"), str):
        return tool
    if isinstance(tool.get("input_schema"), dict):
        schema: JsonObject = {"parameters": tool["input_schema"]}
        return wrap_tool("function", tool, ("description", "strict"), schema)
    if kind == "custom":
        format_ = {"format": nested_grammar(tool["format"])} if isinstance(tool.get("format"), dict) else {}
        return wrap_tool("custom", tool, ("description",), format_)
    return wrap_tool("function", tool, FUNCTION_FIELDS, {}) if kind in ("function", None) else tool


FUNCTION_FIELDS = ("description", "strict", "parameters")


def wrap_tool(kind: str, tool: JsonObject, fields: tuple[str, ...], more: JsonObject) -> JsonObject:
    """Return a tool of a kind, with those of its fields that it has."""
    inner = {"name": tool["name"]} | {field: tool[field] for field in fields if tool.get(field) is not None}
    cached = {key: tool[key] for key in ("cache_control",) if key in tool}
    return {"type": kind, kind: inner | more, **cached}


def nested_grammar(format_: JsonObject) -> JsonObject:
    if format_.get("type") != "grammar" or "grammar" in format_:
        return format_
    return {"type": "grammar", "grammar": {key: value for key, value in format_.items() if key != "type"}}


# The words of the other APIs for a choice.
CHOICES: Mapping[str | None, str] = {
    "any": "required",
    "required": "required",
    "auto": "auto",
    "none": "none",
}
NAMED = ("tool", "function", "custom")


def normalize_choice(body: JsonObject) -> bool:
    choice = body.get("tool_choice")
    if choice == "any":
        body["tool_choice"] = "required"
        return True
    if not isinstance(choice, dict) or choice.keys() & {*NAMED, "allowed_tools"}:
        return False
    if choice.get("disable_parallel_tool_use"):
        body["parallel_tool_calls"] = False
    kind, name = kind_of(choice), choice.get("name")
    if kind in CHOICES:
        body["tool_choice"] = CHOICES[kind]
    elif kind in NAMED and isinstance(name, str):
        body["tool_choice"] = named_choice(body, name)
    elif kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        tools = [nested_tool(tool) for tool in choice["tools"]]
        allowed = {"mode": choice.get("mode") or "auto", "tools": tools}
        body["tool_choice"] = {"type": kind, kind: allowed}
    return bool(body["tool_choice"] != choice)


def named_choice(body: JsonObject, name: str) -> JsonObject:
    """Choose a tool, which may be a custom one whatever the client says."""
    tools = body.get("tools")
    customs = [
        tool["custom"].get("name")
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict) and isinstance(tool.get("custom"), dict)
    ]
    kind = "custom" if name in customs else "function"
    return {"type": kind, kind: {"name": name}}
