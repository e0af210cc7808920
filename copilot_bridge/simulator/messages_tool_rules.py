"""Refusals of the tools of `/v1/messages`, in Anthropic's words."""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.limit_rules import union_at_root
from copilot_bridge.simulator.messages_parts import (
    Body,
    allows,
    extra,
    listed,
    unknown_tag,
    wrong,
)
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused

CLIENT_TOOLS: Mapping[str, Mapping[str, Any]] = {
    "bash_": {"properties": {"command": {"type": "string"}}},
    "text_editor_": {"properties": {"command": {"enum": ["view"]}, "path": {"type": "string"}}},
    "memory_": {"properties": {"command": {"enum": ["view"]}, "path": {"const": "/memories"}}},
}
"""Typed tools that the client runs, by the beginning of their type, with the arguments they take."""


ADVANCED = ("eager_input_streaming", "defer_loading", "input_examples")


def check_tools(body: Body, _row: Row, betas: str) -> None:
    advanced = allows(betas, "advanced-tool-use-")
    for index, tool in enumerate(listed(body, "tools")):
        kind = tool.get("type", "custom")
        if str(kind).startswith("web_search"):
            raise Refused(invalid("The use of the web search tool is not supported.", "unsupported_value"))
        if kind == "custom":
            check_custom_tool(f"tools.{index}.custom", tool, advanced=advanced)
        elif not client_tool(tool) and not (advanced and str(kind).startswith("tool_search_tool_")):
            unknown_tag(f"tools.{index}", kind)


def check_custom_tool(path: str, tool: Body, *, advanced: bool) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            wrong(f"{path}.{name}: Field required")
    schema = tool["input_schema"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        wrong(f"{path}.input_schema.type: Input should be 'object'")
    if problem := union_at_root(f"{path}.input_schema", schema):
        wrong(problem)
    for name in ADVANCED:
        if name in tool and not advanced:
            extra(f"{path}.{name}")


def check_tool_choice(body: Body, _row: Row, _betas: str) -> None:
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        unknown_tag("tool_choice", choice.get("type"))
    names = [tool.get("name") for tool in listed(body, "tools")]
    if choice["type"] == "tool" and choice.get("name") not in names:
        wrong(f"Tool '{choice.get('name')}' not found in provided tools")


def client_tool(tool: Body) -> str | None:
    """The row of CLIENT_TOOLS that a tool belongs to."""
    return next((prefix for prefix in CLIENT_TOOLS if str(tool.get("type")).startswith(prefix)), None)
