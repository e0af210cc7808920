"""Server tools in Responses: the web search of a request, and the items that searches leave."""

import re
from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Source
from copilot_bridge.dialects.prompt import Part, ServerTool, Text
from copilot_bridge.dialects.server_tools.functions import SEARCH
from copilot_bridge.dialects.server_tools.texts import called_text, result_text
from copilot_bridge.dialects.validation import STRING, Validators, list_of, object_of

TYPE = re.compile(r"web_search(_preview)?(_20\d\d_\d\d_\d\d)?")

FILTERS = object_of(optional=dict.fromkeys(("allowed_domains", "blocked_domains"), list_of(STRING)))
PLACE: Validators = dict.fromkeys(("city", "region", "country", "timezone"), STRING)
LOCATION = object_of(optional=PLACE)


def read_server_tools(body: JsonObject) -> Iterator[ServerTool]:
    """Read the web search of a request.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    for index, tool in enumerate(body.get("tools") or ()):
        if isinstance(tool, dict) and TYPE.fullmatch(str(tool.get("type"))):
            yield read_search(f"tools.{index}", tool, body.get("max_tool_calls"))
            return


def read_search(where: str, tool: JsonObject, max_calls: Any) -> ServerTool:
    filters, location = tool.get("filters") or {}, tool.get("user_location") or {}
    FILTERS.check(f"{where}.filters", filters)
    LOCATION.check(f"{where}.user_location", location)
    return ServerTool(
        SEARCH,
        max_uses=max_calls if isinstance(max_calls, int) and max_calls > 0 else None,
        allowed_domains=tuple(filters.get("allowed_domains") or ()),
        blocked_domains=tuple(filters.get("blocked_domains") or ()),
        location={name: location[name] for name in PLACE if location.get(name)} or None,
        offline=tool.get("external_web_access") is False,
    )


def without_search(tools: list[Any]) -> list[Any]:
    """Return the tools without web searches."""
    return [tool for tool in tools if not (isinstance(tool, dict) and TYPE.fullmatch(str(tool.get("type"))))]


def read_search_call(item: JsonObject) -> tuple[str, list[Part]]:
    """Read an earlier search as a text: what it was for, and the pages that it names."""
    given = item.get("action")
    action = given if isinstance(given, dict) else {}
    queries = action.get("queries")
    asked = action.get("query") or (queries[0] if isinstance(queries, list) and queries else "")
    kind = SEARCH if asked else "web_fetch"
    texts = [called_text(kind, asked or action["url"])] if asked or action.get("url") else []
    pages = action.get("sources")
    found = [source_of(page) for page in pages if isinstance(page, dict)] if isinstance(pages, list) else []
    return "assistant", [Text("\n".join([*texts, *([result_text(found)] if found else [])]))]


def source_of(page: JsonObject) -> Source:
    return Source(str(page.get("url") or ""), str(page.get("title") or ""), "")
