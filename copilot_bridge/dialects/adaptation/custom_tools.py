"""Custom (free-form) tools for models that know only functions.

Such a tool becomes a function with the text as its only argument.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Event, ToolCallArgumentsDelta, ToolCallStarted
from copilot_bridge.dialects.prompt import Part, Prompt, Tool, ToolCall

FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def custom_tools_as_functions(prompt: Prompt) -> tuple[Prompt, frozenset[str]]:
    """Turn custom tools into functions, and return the prompt with the names of these tools."""
    if not any(
        map(is_custom, (*prompt.tools, *(part for message in prompt.messages for part in message.parts)))
    ):
        return prompt, frozenset()
    names = frozenset(tool.name for tool in prompt.tools if tool.custom)
    messages = tuple(
        replace(message, parts=tuple(map(wrap_call, message.parts))) for message in prompt.messages
    )
    return replace(prompt, tools=tuple(map(as_function, prompt.tools)), messages=messages), names


def is_custom(item: Tool | Part) -> bool:
    return isinstance(item, Tool | ToolCall) and item.custom


def as_function(tool: Tool) -> Tool:
    """Turn a custom tool into a function.

    A grammar that its input has to follow becomes part of the description.
    """
    if not tool.custom:
        return tool
    definition = grammar_of(tool.format or {}).get("definition")
    grammar = f"\n\nThe input has to follow this grammar:\n{definition}" if definition else ""
    description = f"{tool.description}{grammar}"
    return replace(tool, description=description, schema=FREE_TEXT, custom=False, format=None)


def grammar_of(format_: JsonObject) -> Mapping[str, Any]:
    """Return the grammar, which is in the format itself or in a member of it."""
    inner = format_.get("grammar")
    return inner if isinstance(inner, dict) else format_


def wrap_call(part: Part) -> Part:
    if not isinstance(part, ToolCall) or not part.custom:
        return part
    return replace(part, arguments=codec.write({"input": part.arguments}).decode(), custom=False)


def unwrap(arguments: str) -> str:
    """Return the free text in {"input": "..."}.

    If the model wrote the arguments differently, they are returned as they are.
    """
    try:
        parsed = codec.read(arguments)
    except ValueError:
        return arguments
    if not isinstance(parsed, dict) or "input" not in parsed:
        return arguments
    text = parsed["input"]
    return text if isinstance(text, str) else codec.write(text).decode()


class CustomInputUnwrapper:
    """Turns calls of functions back into calls of custom tools with free text.

    :param names: of the client's custom tools.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._part: int | None = None  # of the call whose arguments are coming
        self._arguments: list[str] = []  # its arguments so far

    def feed(self, event: Event) -> Iterator[Event]:
        """Hold back the arguments of a call until they are complete.

        Only complete arguments can be unwrapped.
        """
        if isinstance(event, ToolCallArgumentsDelta) and event.part == self._part:
            self._arguments.append(event.json)
            return
        if self._part is not None:
            yield ToolCallArgumentsDelta(self._part, unwrap("".join(self._arguments)))
            self._part, self._arguments = None, []
        if isinstance(event, ToolCallStarted) and event.name in self._names and not event.custom:
            self._part = event.part
            event = replace(event, custom=True)
        yield event
