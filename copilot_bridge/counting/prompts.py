"""The tokens of a prompt, as the model's vendor counts them."""

import json
from collections.abc import Callable
from typing import Any

from copilot_bridge.counting.images import count_document, count_image, image_size
from copilot_bridge.counting.text import count_text
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    effort_of,
)
from copilot_bridge.models.profiles import TokenOverheads

CountText = Callable[[str], int]


def as_declaration(tool: Tool, count: CountText) -> int:
    """The tool as OpenAI shows it to a model.  Source: its cookbook, "How to count tokens"."""
    return 19 + count(f"{tool.name}:{tool.description.rstrip('.')}") + properties(tool.schema, count)


def properties(schema: JsonObject, count: CountText) -> int:
    found = schema.get("properties")
    if not isinstance(found, dict) or not found:
        return 0
    return 3 + sum(declared_property(name, schema, count) for name, schema in found.items())


def declared_property(name: str, schema: Any, count: CountText) -> int:
    if not isinstance(schema, dict):
        return 3 + count(name)
    line = f"{name}:{schema.get('type', '')}:{str(schema.get('description', '')).rstrip('.')}"
    given = schema.get("enum")
    choices = given if isinstance(given, list) else []
    listed = sum(3 + count(str(choice)) for choice in choices) - (3 if choices else 0)
    items = schema.get("items")
    inner = properties(items, count) if isinstance(items, dict) else 0
    return 3 + count(line) + listed + properties(schema, count) + inner


def as_json(tool: Tool, count: CountText) -> int:
    shown = {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
    return count(json.dumps(shown, separators=(",", ":"), ensure_ascii=False, default=str))


TOOL_FORMATS: dict[str, Callable[[Tool, CountText], int]] = {"declaration": as_declaration, "json": as_json}


def count(prompt: Prompt, overheads: TokenOverheads) -> int:
    """The tokens of a prompt.  `overheads`: of the model's profile."""
    counter = Counter(overheads)
    thinking = overheads.thinking if effort_of(prompt) not in (None, "none") else 0
    return overheads.response + thinking + counter.messages(prompt) + counter.tools(prompt)


class Counter:
    """Adds up the tokens of a prompt's parts."""

    def __init__(self, overheads: TokenOverheads) -> None:
        self._overheads = overheads

    def messages(self, prompt: Prompt) -> int:
        parts = [part for message in prompt.messages for part in message.parts]
        return self._overheads.message * len(prompt.messages) + sum(map(self.part, parts))

    def tools(self, prompt: Prompt) -> int:
        if not prompt.tools:
            return 0
        forced = prompt.tool_choice is not None and prompt.tool_choice.mode in ("required", "tool")
        show = TOOL_FORMATS[self._overheads.tool_format]
        declared = sum(show(tool, self.text) for tool in prompt.tools)
        return declared + (self._overheads.forced_tool if forced else self._overheads.tools)

    def text(self, text: str) -> int:
        return round(count_text(text) * self._overheads.scale)

    def part(self, part: Part) -> int:
        return COUNT_PART[type(part)](self, part)

    def _text(self, part: Text) -> int:
        return self.text(part.text)

    def _image(self, part: Image) -> int:
        return count_image(self._overheads.image, *image_size(part.data))

    def _document(self, part: File) -> int:
        return count_document(part.data)

    def _reasoning(self, _part: Reasoning) -> int:
        return 0  # the vendors remove the reasoning of earlier turns

    def _call(self, part: ToolCall) -> int:
        return self._overheads.call + self.text(part.name) + self.text(part.arguments)

    def _result(self, part: ToolResult) -> int:
        return self._overheads.message + sum(map(self.part, part.parts))


COUNT_PART: dict[type, Callable[[Counter, Any], int]] = {
    Text: Counter._text,
    Image: Counter._image,
    File: Counter._document,
    Reasoning: Counter._reasoning,
    ToolCall: Counter._call,
    ToolResult: Counter._result,
}
