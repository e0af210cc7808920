"""Custom (free-form) tools where only functions are known: free text, as the only argument of a function."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Event, ToolCallArgumentsDelta, ToolCallStarted
from copilot_bridge.dialects.prompt import Part, Prompt, Tool, ToolCall

FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def custom_tools_as_functions(prompt: Prompt) -> tuple[Prompt, frozenset[str]]:
    """The prompt for a model that knows functions alone, and the names of the tools that were custom."""
    if not any(map(is_custom, (*prompt.tools, *(part for each in prompt.messages for part in each.parts)))):
        return prompt, frozenset()
    names = frozenset(tool.name for tool in prompt.tools if tool.custom)
    messages = tuple(replace(each, parts=tuple(map(wrap_call, each.parts))) for each in prompt.messages)
    return replace(prompt, tools=tuple(map(as_function, prompt.tools)), messages=messages), names


def is_custom(each: Tool | Part) -> bool:
    return isinstance(each, Tool | ToolCall) and each.custom


def as_function(tool: Tool) -> Tool:
    """A grammar that the input has to follow can only be told."""
    if not tool.custom:
        return tool
    definition = grammar_of(tool.format or {}).get("definition")
    grammar = f"\n\nThe input has to follow this grammar:\n{definition}" if definition else ""
    description = f"{tool.description}{grammar}"
    return replace(tool, description=description, schema=FREE_TEXT, custom=False, format=None)


def grammar_of(given: JsonObject) -> Mapping[str, Any]:
    """It stands in the format itself, or in a member of it."""
    inner = given.get("grammar")
    return inner if isinstance(inner, dict) else given


def wrap_call(part: Part) -> Part:
    if not isinstance(part, ToolCall) or not part.custom:
        return part
    return replace(part, arguments=codec.write({"input": part.arguments}).decode(), custom=False)


def unwrap(arguments: str) -> str:
    """The free text that was wrapped as {"input": "..."}; as it is if the model wrapped it otherwise."""
    try:
        told = codec.read(arguments)
    except ValueError:
        return arguments
    if not isinstance(told, dict) or "input" not in told:
        return arguments
    text = told["input"]
    return text if isinstance(text, str) else codec.write(text).decode()


class CustomInputUnwrapper:
    """The events of an answer in which calls of custom tools are functions' -> the same with free text.

    :param names: of the tools that are custom for the client.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._part: int | None = None  # of the call that is being told
        self._told: list[str] = []  # its arguments, so far

    def feed(self, event: Event) -> Iterator[Event]:
        """What is wrapped is known when its wrapping is complete."""
        if isinstance(event, ToolCallArgumentsDelta) and event.part == self._part:
            self._told.append(event.json)
            return
        if self._part is not None:
            yield ToolCallArgumentsDelta(self._part, unwrap("".join(self._told)))
            self._part, self._told = None, []
        if isinstance(event, ToolCallStarted) and event.name in self._names and not event.custom:
            self._part = event.part
            event = replace(event, custom=True)
        yield event
