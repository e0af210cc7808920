"""Search by GitHub's MCP server, whose tool takes a query and nothing else."""

from copilot_bridge.dialects import codec
from copilot_bridge.search.cited_text import read_marks, sources_of
from copilot_bridge.search.query import Access, SearchFailed, SearchQuery, SearchResult
from copilot_bridge.upstream.mcp import PATH, McpError, McpServer

TOOL = "web_search"


class McpEngine:
    """Calls the tool, and takes the pages from the citations of its response."""

    path = PATH

    def __init__(self) -> None:
        self._server = McpServer(TOOL)

    def search(self, query: SearchQuery, access: Access) -> SearchResult:
        if query.offline:
            raise SearchFailed("GitHub's search has no index without the live web")
        try:
            text, failed = self._server.call(access.copilot, access.signals, {"query": query_of(query)})
        except McpError as error:
            raise SearchFailed(str(error)) from error
        if failed:
            raise SearchFailed(f"GitHub's search failed: {text[:200]}")
        return read_result(text)


def query_of(query: SearchQuery) -> str:
    """Write domains and place into the query, which is all that the tool takes."""
    sites = " OR ".join(f"site:{domain}" for domain in query.allowed)
    excluded = " ".join(f"-site:{domain}" for domain in query.blocked)
    location = ", ".join(name for kind, name in query.location if kind in ("city", "country"))
    near = f"(near {location})" if location else ""
    return " ".join(filter(None, (query.text, f"({sites})" if sites else "", excluded, near)))


def read_result(text: str) -> SearchResult:
    """Read the pages from the tool's text: a JSON object with a text and its citations, or a plain text."""
    found = codec.read_object(text)
    content = found.get("text") if found else None
    if not isinstance(content, dict) or not isinstance(content.get("value"), str):
        return SearchResult((), text)
    value = content["value"]
    marks = read_marks(content.get("annotations"), value)
    plain = without_marks(value, [(mark.start, mark.end) for mark in marks])
    return SearchResult(sources_of(value, marks), plain)


def without_marks(text: str, places: list[tuple[int, int]]) -> str:
    for start, end in reversed(places):
        text = text[:start] + text[end:]
    return text
