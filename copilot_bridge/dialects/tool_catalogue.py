"""The tools that vendors' servers run or their models know: one catalogue for all that has to know of them.

Models of another API are not offered these tools, and Copilot itself refuses some of them.  Agents can do
without.  Sources: the types in Anthropic's and OpenAI's SDKs, and Copilot's refusals (2026).
"""

import re
from functools import lru_cache
from typing import Any

from msgspec import Struct


class HostedTool(Struct, frozen=True):
    """A tool that a vendor's servers run, or that its models know by a type alone.

    :param dialect: of the requests that offer the tool.
    :param type: a regular expression for the tool's type there.
    :param refused: Copilot refuses it for every model.
    :param history: the types of what its calls leave in a conversation, where the text after them tells the
        result.
    """

    dialect: str
    type: str
    refused: bool = False
    history: tuple[str, ...] = ()


HOSTED_TOOLS = (
    HostedTool("messages", r"web_search_\d+", refused=True, history=("web_search_tool_result",)),
    HostedTool("messages", r"web_fetch_\d+", refused=True, history=("web_fetch_tool_result",)),
    HostedTool("messages", r"code_execution_\d+", refused=True),
    HostedTool("messages", r"advisor_\d+", refused=True),
    HostedTool("messages", r"tool_search_tool_\w+", history=("tool_search_tool_result",)),
    HostedTool("messages", "mcp_toolset"),
    HostedTool("responses", "web_search(_preview)?", history=("web_search_call",)),
    HostedTool("responses", "tool_search", history=("tool_search_call", "tool_search_output")),
    HostedTool("responses", "local_shell"),
    HostedTool("responses", "code_interpreter", refused=True, history=("code_interpreter_call",)),
    HostedTool("responses", "file_search", refused=True, history=("file_search_call",)),
    HostedTool("responses", "image_generation", refused=True, history=("image_generation_call",)),
    HostedTool("responses", "computer_use(_preview)?", refused=True),
    HostedTool(
        "responses",
        "mcp",
        refused=True,
        history=("mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
    ),
    HostedTool("gemini", "googleSearch(Retrieval)?|googleMaps|urlContext|fileSearch|computerUse|mcpServers"),
    HostedTool("gemini", "codeExecution", history=("executableCode", "codeExecutionResult")),
    HostedTool("gemini", "enterpriseWebSearch|parallelAiSearch", history=("toolCall", "toolResponse")),
)

# The items of a Responses conversation that offer tools of their own.
ITEMS_WITH_TOOLS = ("additional_tools", "tool_search_output")


@lru_cache(maxsize=1024)
def hosted_tool(dialect: str, type_: str) -> HostedTool | None:
    """Return the tool of this type, None if there is none."""
    rows = (tool for tool in HOSTED_TOOLS if tool.dialect == dialect)
    return next((tool for tool in rows if re.fullmatch(tool.type, type_)), None)


def is_refused(dialect: str, tool: Any) -> bool:
    """Return whether Copilot refuses a tool of a request for every model."""
    found = hosted_tool(dialect, str(tool.get("type"))) if isinstance(tool, dict) else None
    return found is not None and found.refused


def history_types(dialect: str) -> tuple[str, ...]:
    """The types of what the dialect's hosted tools leave in a conversation."""
    return tuple(type_ for tool in HOSTED_TOOLS if tool.dialect == dialect for type_ in tool.history)
