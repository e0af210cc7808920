"""The server tools of a Gemini request: Google's search, and the reading of pages by their addresses."""

from collections.abc import Iterator

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import ServerTool
from copilot_bridge.dialects.server_tools.functions import FETCH, SEARCH
from copilot_bridge.dialects.validation import OBJECT, STRING, list_of, object_of

# A tool's field -> the kind of the server tool.
KINDS = {"googleSearch": SEARCH, "googleSearchRetrieval": SEARCH, "urlContext": FETCH}

EXCLUDED = object_of(optional={"excludeDomains": list_of(STRING)})


def read_server_tools(body: JsonObject) -> Iterator[ServerTool]:
    """Read the server tools of a request, each kind once.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    seen = set[str]()
    for index, tool in enumerate(body["tools"]):
        OBJECT.check(f"tools.{index}", tool)
        for name in KINDS.keys() & tool.keys():
            if tool[name] is not None and KINDS[name] not in seen:
                seen.add(KINDS[name])
                yield read_server_tool(f"tools.{index}.{name}", KINDS[name], tool[name])


def read_server_tool(where: str, kind: str, tool: JsonObject) -> ServerTool:
    EXCLUDED.check(where, tool)
    return ServerTool(kind, blocked_domains=tuple(tool.get("excludeDomains") or ()))
