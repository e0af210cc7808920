"""The functions that models are offered in place of the client's server tools."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import Prompt, ServerTool, Tool, ToolChoice

SEARCH, FETCH = "web_search", "web_fetch"


class Function(Struct, frozen=True):
    """A server tool as it is described to a model.

    :param argument: the only one, which is a string.  :param about: what it has to be.
    """

    description: str
    argument: str
    about: str


FUNCTIONS: dict[str, Function] = {
    SEARCH: Function(
        "Searches the web, and returns pages with their addresses and what they say. Use it for whatever is "
        "recent or may have changed, and do not call other tools in the same step. Where your answer relies "
        "on a page, put a link to that page after the statement: [title](address).",
        "query",
        "What to search for, in a few words or as a question.",
    ),
    FETCH: Function(
        "Reads a web page, and returns its text. Use it only for addresses that the user or an earlier "
        "result has named, and do not call other tools in the same step. Where your answer relies on the "
        "page, put a link to it after the statement: [title](address).",
        "url",
        "The address of the page, beginning with https://",
    ),
}


def offer(prompt: Prompt, tools: Iterable[ServerTool]) -> tuple[Prompt, dict[str, ServerTool]]:
    """Offer a model the server tools as functions.

    :return: the prompt, and the tools by the names of their functions.
    """
    taken = {tool.name for tool in prompt.tools}
    named: dict[str, ServerTool] = {}
    for tool in tools:
        name = free_name(tool.kind, taken | named.keys())
        named[name] = tool
    functions = tuple(function_of(name, tool) for name, tool in named.items())
    choice = rename_choice(prompt.tool_choice, named)
    return replace(prompt, tools=(*prompt.tools, *functions), tool_choice=choice), named


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that no tool of the client's has."""
    while name in taken:
        name = f"server_{name}"
    return name


def function_of(name: str, tool: ServerTool) -> Tool:
    function = FUNCTIONS[tool.kind]
    schema: JsonObject = {
        "type": "object",
        "properties": {function.argument: {"type": "string", "description": function.about}},
        "required": [function.argument],
        "additionalProperties": False,
    }
    return Tool(name, function.description, schema)


def rename_choice(choice: ToolChoice | None, named: Mapping[str, ServerTool]) -> ToolChoice | None:
    """Return the choice of tools; that of a server tool names its function."""
    if choice is None or choice.mode != "tool":
        return choice
    name = next((name for name, tool in named.items() if tool.kind == choice.name), choice.name)
    return replace(choice, name=name)
