"""A prompt -> its number of tokens, as the model's vendor counts."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from copilot_bridge.counting.pictures import (
    Formula,
    area,
    count_document,
    patches,
    size_of,
    squares,
    tiles,
)
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
    as_effort,
)

Count = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What a vendor adds to the plain text, in tokens.

    :param scale: tokens of theirs for each of OpenAI's.
    :param tools: for having tools at all; `forced`: where one has to be called; `thinking`: where it is on.
    """

    message: int = 3
    reply: int = 3
    call: int = 4
    scale: float = 1.0
    tools: int = 0
    forced: int = 0
    thinking: int = 0
    tool: Callable[[Tool, Count], int]
    picture: Formula


def declared(tool: Tool, count: Count) -> int:
    """OpenAI shows a model its tools as declarations.  Source: its cookbook, "How to count tokens"."""
    return 19 + count(f"{tool.name}:{tool.description.rstrip('.')}") + properties(tool.schema, count)


def properties(schema: JsonObject, count: Count) -> int:
    found = schema.get("properties")
    if not isinstance(found, dict) or not found:
        return 0
    return 3 + sum(declared_property(name, each, count) for name, each in found.items())


def declared_property(name: str, schema: Any, count: Count) -> int:
    if not isinstance(schema, dict):
        return 3 + count(name)
    line = f"{name}:{schema.get('type', '')}:{str(schema.get('description', '')).rstrip('.')}"
    given = schema.get("enum")
    choices = given if isinstance(given, list) else []
    listed = sum(3 + count(str(each)) for each in choices) - (3 if choices else 0)
    items = schema.get("items")
    inner = properties(items, count) if isinstance(items, dict) else 0
    return 3 + count(line) + listed + properties(schema, count) + inner


def as_json(tool: Tool, count: Count) -> int:
    told = {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
    return count(json.dumps(told, separators=(",", ":"), ensure_ascii=False, default=str))


OPENAI = partial(Rates, tool=declared)

# The first row whose pattern the model's id begins with counts.
RATES: tuple[tuple[str, Rates], ...] = (
    # https://docs.anthropic.com/en/docs/build-with-claude/tool-use: the system prompt that tools bring along.
    ("claude-", Rates(scale=1.15, reply=0, tools=346, forced=313, thinking=28, tool=as_json, picture=area)),
    ("gemini-", Rates(tool=as_json, picture=squares)),
    ("grok-", Rates(scale=1.03, tools=480, tool=as_json, picture=tiles(85, 170))),
    (r"gpt-4\.1-mini|gpt-5-mini", OPENAI(picture=patches(1.62))),
    (r"gpt-4\.1-nano|gpt-5-nano", OPENAI(picture=patches(2.46))),
    ("o4-mini", OPENAI(picture=patches(1.72))),
    ("gpt-4o-mini", OPENAI(picture=tiles(2833, 5667))),
    (r"gpt-4|gpt-3", OPENAI(picture=tiles(85, 170))),
    (r"o1|o3", OPENAI(picture=tiles(75, 150))),
    (r"gpt-5(\.1)?(-|$)", OPENAI(picture=tiles(70, 140))),
    ("", OPENAI(picture=patches(1.2, most=10_000))),
)


def count(prompt: Prompt, model: str) -> int:
    """`model`: its id, which tells the vendor."""
    rates = next(rates for pattern, rates in RATES if re.match(pattern, model))
    counter = Counter(rates)
    thinking = rates.thinking if as_effort(prompt) not in (None, "none") else 0
    return rates.reply + thinking + counter.messages(prompt) + counter.tools(prompt)


class Counter:
    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def messages(self, prompt: Prompt) -> int:
        parts = [part for message in prompt.messages for part in message.parts]
        return self._rates.message * len(prompt.messages) + sum(map(self.part, parts))

    def tools(self, prompt: Prompt) -> int:
        if not prompt.tools:
            return 0
        forced = prompt.tool_choice is not None and prompt.tool_choice.mode in ("required", "tool")
        declared = sum(self._rates.tool(tool, self.text) for tool in prompt.tools)
        return declared + (self._rates.forced if forced else self._rates.tools)

    def text(self, text: str) -> int:
        return round(count_text(text) * self._rates.scale)

    def part(self, part: Part) -> int:
        return COUNT_PART[type(part)](self, part)

    def _text(self, part: Text) -> int:
        return self.text(part.text)

    def _picture(self, part: Image) -> int:
        return self._rates.picture(*size_of(part.data))

    def _document(self, part: File) -> int:
        return count_document(part.data)

    def _thought(self, _part: Reasoning) -> int:
        return 0  # of earlier turns the vendors show a model none

    def _call(self, part: ToolCall) -> int:
        return self._rates.call + self.text(part.name) + self.text(part.arguments)

    def _result(self, part: ToolResult) -> int:
        return self._rates.message + sum(map(self.part, part.parts))


COUNT_PART: dict[type, Callable[[Counter, Any], int]] = {
    Text: Counter._text,
    Image: Counter._picture,
    File: Counter._document,
    Reasoning: Counter._thought,
    ToolCall: Counter._call,
    ToolResult: Counter._result,
}
