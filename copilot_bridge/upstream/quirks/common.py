"""Adaptations that the APIs share: schemas, media types, blank texts and the choice of a tool."""

from typing import Any

from copilot_bridge.dialects.adaptation.argument_schemas import adapt_argument_schema
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.media import media_type
from copilot_bridge.dialects.adaptation.output_schemas import SCHEMA_SUBSETS, output_schema
from copilot_bridge.dialects.adaptation.tool_choice import check_tool_choice
from copilot_bridge.upstream.quirks.turns import CONTINUE

Body = dict[str, Any]

MODES = {"any": "required", "required": "required", "tool": "tool", "function": "tool", "custom": "tool"}


def dicts(given: Any) -> list[Body]:
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def adapt_schema(holder: Any, key: str, limits: Limits) -> bool:
    """Adapt the schema of a tool's arguments, if there is one."""
    schema = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        return False
    holder[key] = adapt_argument_schema(schema, limits)
    return holder[key] is not schema


def adapt_output_schema(holder: Any) -> bool:
    """Adapt the schema of an output format, if there is one, to what Claude accepts."""
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        return False
    holder["schema"] = output_schema(schema, SCHEMA_SUBSETS["anthropic"])
    return bool(holder["schema"] != schema)


def adapt_label(holder: Body, key: str, data: Any) -> bool:
    """Correct a media type by the content."""
    given = holder.get(key)
    if not isinstance(given, str) or not isinstance(data, str):
        return False
    holder[key] = media_type(given, data)
    return bool(holder[key] != given)


def end_with_user(after: list[Body], before: list[Body]) -> list[Body]:
    """Add a user's message after a note at the end, or a model would continue the note."""
    noted = after[-1]["role"] == "assistant" and before[-1]["role"] != "assistant"
    return [*after, {"role": "user", "content": CONTINUE}] if noted else after


def is_blank_text(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") != "text":
        return False
    text = block.get("text")
    return not text or (isinstance(text, str) and text.isspace())


def check_named_choice(choice: Any, tools: list[Any]) -> None:
    """Check the choice of a tool after tools were removed.

    :param tools: the remaining ones.
    :raises Unsupported: the chosen tool was removed.
    """
    chosen = choice if isinstance(choice, dict) else {"type": choice}
    mode = MODES.get(str(chosen.get("type")), "auto")
    named = chosen.get("function") or chosen.get("custom") or chosen
    name = named.get("name") if isinstance(named, dict) else None
    check_tool_choice(mode, name, [str(tool.get("name")) for tool in dicts(tools)])
