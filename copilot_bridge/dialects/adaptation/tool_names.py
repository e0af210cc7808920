"""Tool names of a length and form that the target accepts."""

from collections.abc import Iterator

from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.safe_names import is_safe_name, safe_name
from copilot_bridge.dialects.prompt import Message, Part, Prompt, ToolCall


def shorten_tool_names(prompt: Prompt, max_length: int) -> tuple[Prompt, dict[str, str]]:
    """Shorten the tool names of a prompt, and return it with the changed names: new -> old."""
    new = {
        name: safe_name(name, max_length) for name in names_in(prompt) if not is_safe_name(name, max_length)
    }
    if not new:
        return prompt, {}
    choice = prompt.tool_choice
    renamed = replace(
        prompt,
        messages=tuple(rename_calls(message, new) for message in prompt.messages),
        tools=tuple(replace(tool, name=new.get(tool.name, tool.name)) for tool in prompt.tools),
        tool_choice=replace(choice, name=new.get(choice.name, choice.name))
        if choice and choice.name
        else choice,
    )
    return renamed, {changed: old for old, changed in new.items()}


def names_in(prompt: Prompt) -> Iterator[str]:
    """Yield the names of the tools that are offered and of those that were called before."""
    yield from (tool.name for tool in prompt.tools)
    for message in prompt.messages:
        yield from (part.name for part in message.parts if isinstance(part, ToolCall))


def rename_calls(message: Message, new: dict[str, str]) -> Message:
    def rename(part: Part) -> Part:
        return replace(part, name=new[part.name]) if isinstance(part, ToolCall) and part.name in new else part

    return replace(message, parts=tuple(map(rename, message.parts)))
