"""Tool choices among no tools, or of a tool that is not offered."""

from dataclasses import replace

from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import Unsupported


def adapt_tool_choice(prompt: Prompt) -> Prompt:
    """Remove a choice among no tools.

    :raises Unsupported: the choice requires a call that is not possible.
    """
    choice = prompt.tool_choice
    if choice:
        check_tool_choice(choice.mode, choice.name, [tool.name for tool in prompt.tools])
    if prompt.tools or (choice is None and prompt.parallel_tools is None):
        return prompt
    return replace(prompt, tool_choice=None, parallel_tools=None)


def check_tool_choice(mode: str, name: str | None, offered: list[str]) -> None:
    """Refuse a choice that requires a call which is not possible.

    :param offered: the names of the tools that the model can call.
    :raises Unsupported: there is no such tool.
    """
    if mode == "tool" and name not in offered:
        raise Unsupported(
            f"tool_choice: {name!r} is not among the tools that this model can be offered",
            param="tool_choice",
        )
    if mode == "required" and not offered:
        raise Unsupported(
            "tool_choice: a call is required, but this model can be offered no tool",
            param="tool_choice",
        )
