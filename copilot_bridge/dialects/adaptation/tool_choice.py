"""A choice of tools that are not there: what no call can follow is refused, the rest says nothing."""

from dataclasses import replace

from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import Unsupported


def adapt_tool_choice(prompt: Prompt) -> Prompt:
    """Raises Unsupported: an answer without that call would be none."""
    choice = prompt.tool_choice
    if choice:
        check_tool_choice(choice.mode, choice.name, [tool.name for tool in prompt.tools])
    if prompt.tools or (choice is None and prompt.parallel_tools is None):
        return prompt
    return replace(prompt, tool_choice=None, parallel_tools=None)


def check_tool_choice(mode: str, name: str | None, offered: list[str]) -> None:
    """:param offered: the names of the tools that the model can call.

    :raises Unsupported: it is to call one, and there is none, or not that one.
    """
    if mode == "tool" and name not in offered:
        raise Unsupported(
            f"tool_choice: {name!r} is none of the tools that this model can be offered", param="tool_choice"
        )
    if mode == "required" and not offered:
        raise Unsupported(
            "tool_choice: a call is required, and there is no tool that this model can be offered",
            param="tool_choice",
        )
