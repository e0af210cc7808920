"""Tool choices among no tools, or of a tool that is not offered."""

from msgspec.structs import replace

from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import Unsupported


def adapt_tool_choice(prompt: Prompt, where: str) -> Prompt:
    """Remove a choice among no tools.

    :param where: the field of the client's request with the choice.
    :raises Unsupported: the choice requires a call that is not possible.
    """
    choice = prompt.tool_choice
    if choice:
        check_tool_choice(choice.mode, choice.name, [tool.name for tool in prompt.tools], where)
    if prompt.tools or (choice is None and prompt.parallel_tools is None):
        return prompt
    return replace(prompt, tool_choice=None, parallel_tools=None)


def check_tool_choice(mode: str, name: str | None, offered: list[str], where: str = "tool_choice") -> None:
    """Refuse a choice that requires a call which is not possible.

    :param offered: the names of the tools that the model can call.
    :param where: the field of the client's request with the choice.
    :raises Unsupported: there is no such tool.
    """
    if mode == "tool" and name not in offered:
        raise Unsupported(
            f"{where}: {name!r} is not among the tools that this model can be offered", param=where
        )
    if mode == "required" and not offered:
        raise Unsupported(f"{where}: a call is required, but this model can be offered no tool", param=where)
