"""GitHub's MCP server on the Copilot host: `POST /mcp` and `POST /mcp/readonly`, with made-up responses.

It speaks both the revision without sessions (2026-07-28: `server/discover`, and `_meta` in every request)
and the one before (`initialize`).  The tools are those that `x-mcp-tools` or `x-mcp-toolsets` name; without
either `web_search` is left out, as it is by the real one.  Its response is the text of a JSON object with the
citations in it.  Sources: what Copilot's CLI 1.0.102 sends (November 2026), the MCP specification, and
public logs of CLI sessions with `web_search` results (August 2026).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import orjson
from flask import Response, request

from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.web import search

VERSION = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
SERVER = {"name": "github-mcp-server", "version": "remote-simulated"}
INSTRUCTIONS = "Simulated: everything that these tools find is made up."

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

Json = dict[str, Any]


class Failed(Exception):
    """Ends a call with a JSON-RPC error."""

    def __init__(self, status: int, code: int, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, **({"data": data} if data else {})}


# tools


@dataclass(frozen=True, slots=True)
class Tool:
    about: str
    toolset: str
    argument: str
    call: Callable[[str, Caller], str]
    offered: bool = True  # where the request names no tools


def search_web(query: str, _caller: Caller) -> str:
    """Two made-up pages; what they say repeats the query."""
    text, annotations = "", []
    for index, page in enumerate(search(query)):
        text += f"{page.text} "
        mark = f"【3:{index}†source】"
        where = {"start_index": len(text), "end_index": len(text) + len(mark)}
        annotations.append({"text": mark, **where, "url_citation": {"title": page.title, "url": page.url}})
        text += f"{mark}\n"
    asked = {"text": query, "url": f"https://www.bing.com/search?q={quote_plus(query)}"}
    found = {"type": "output_text", "text": {"value": text, "annotations": annotations}}
    return orjson.dumps(found | {"bing_searches": [asked], "annotations": None}).decode()


def search_repositories(query: str, caller: Caller) -> str:
    found = {"full_name": f"{caller.persona.login}/example", "description": f"Simulated, for {query}"}
    return orjson.dumps({"total_count": 1, "incomplete_results": False, "items": [found]}).decode()


TOOLS = {
    "web_search": Tool(
        "AI-powered web search. Gives an answer with citations.", "web_search", "query", search_web, False
    ),
    "search_repositories": Tool("Find GitHub repositories.", "repos", "query", search_repositories),
}


def offered_tools() -> dict[str, Tool]:
    """The tools that the request's headers name, or the usual ones."""
    names, sets = (listed(header) for header in ("X-MCP-Tools", "X-MCP-Toolsets"))
    if names is None and sets is None:
        return {name: tool for name, tool in TOOLS.items() if tool.offered}
    chosen = names or frozenset()
    groups = sets or frozenset()
    return {name: tool for name, tool in TOOLS.items() if name in chosen or {tool.toolset, "all"} & groups}


def listed(header: str) -> frozenset[str] | None:
    """The comma-separated words of a header; None if it was not sent."""
    value = request.headers.get(header)
    return None if value is None else frozenset(word.strip() for word in value.split(","))


# methods


def discover(_params: Json, _caller: Caller) -> Json:
    return {
        "supportedVersions": [VERSION, *LEGACY],
        "capabilities": {"tools": {}},
        "instructions": INSTRUCTIONS,
        "ttlMs": 3_600_000,
        "cacheScope": "private",
    }


def initialize(params: Json, _caller: Caller) -> Json:
    """Agrees on a protocol version: the one asked for, or the newest that has this handshake."""
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in LEGACY else LEGACY[0],
        "capabilities": {"tools": {}},
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


def list_tools(_params: Json, _caller: Caller) -> Json:
    return {"tools": [describe(name, tool) for name, tool in offered_tools().items()]}


def describe(name: str, tool: Tool) -> Json:
    schema = {
        "type": "object",
        "properties": {tool.argument: {"type": "string", "description": "What to look for"}},
        "required": [tool.argument],
    }
    return {
        "name": name,
        "description": tool.about,
        "inputSchema": schema,
        "annotations": {"title": name.replace("_", " ").title(), "readOnlyHint": True},
    }


def call_tool(params: Json, caller: Caller) -> Json:
    """Runs a tool.

    :raise Failed: the tool is not offered, or an argument is missing.
    """
    tool = offered_tools().get(str(params.get("name")))
    if tool is None:
        raise Failed(200, INVALID_PARAMS, f"unknown tool: {params.get('name')}")
    arguments = params.get("arguments")
    given = arguments.get(tool.argument) if isinstance(arguments, dict) else None
    if not isinstance(given, str) or not given:
        text, failed = f"missing required parameter: {tool.argument}", True
    else:
        text, failed = tool.call(given, caller), False
    return {"content": [{"type": "text", "text": text}], "isError": failed}


Method = Callable[[Json, Caller], Json]

COMMON: dict[str, Method] = {"tools/list": list_tools, "tools/call": call_tool}
MODERN: dict[str, Method] = {"server/discover": discover, **COMMON}
HANDSHAKE: dict[str, Method] = {
    "initialize": initialize,
    "ping": lambda _params, _caller: {},
    **COMMON,
}


# transport


def handle_call(caller: Caller) -> Response:
    """One JSON-RPC message; a notification is taken without a response."""
    message = parse(request.get_data())
    number = message.get("id") if isinstance(message, dict) else None
    try:
        method, params = read_call(message)
        if number is None:
            return Response(status=202)
        result = run_call(method, params, caller)
    except Failed as failed:
        return respond({"id": number, "error": failed.error}, failed.status)
    return respond({"id": number, "result": result})


def read_call(message: object) -> tuple[str, Json]:
    """The method and the parameters of a message.

    :raise Failed: it is no JSON-RPC request.
    """
    if message is None:
        raise Failed(400, PARSE_ERROR, "Parse error")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Failed(400, INVALID_REQUEST, "Invalid Request")
    params = message.get("params") or {}
    if not isinstance(message.get("method"), str) or not isinstance(params, dict):
        raise Failed(400, INVALID_REQUEST, "Invalid Request")
    return message["method"], params


def run_call(method: str, params: Json, caller: Caller) -> Json:
    """The result, with the fields that the newer revision wants in each."""
    modern = is_modern(method, params)
    run = (MODERN if modern else HANDSHAKE).get(method)
    if run is None:
        raise Failed(404 if modern else 200, UNKNOWN_METHOD, "Method not found")
    result = run(params, caller)
    return result | {"resultType": "complete", "_meta": {SERVER_KEY: SERVER}} if modern else result


def is_modern(method: str, params: Json) -> bool:
    """Return whether the request speaks the revision without sessions, by its `_meta`.

    :raise Failed: the headers contradict it, or the version is not supported.
    """
    meta = params.get("_meta")
    version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    if version is None:
        return False
    expected = {"MCP-Protocol-Version": version, "Mcp-Method": method}
    if any(request.headers.get(name, value) != value for name, value in expected.items()):
        raise Failed(400, HEADER_MISMATCH, "Header mismatch")
    if version != VERSION:
        supported = [VERSION, *LEGACY]
        raise Failed(
            400, UNSUPPORTED_VERSION, "Unsupported protocol version", supported=supported, requested=version
        )
    return True


def respond(body: Json, status: int = 200) -> Response:
    return Response(orjson.dumps({"jsonrpc": "2.0", **body}), status, mimetype="application/json")


ROUTES = (
    ("POST", "/mcp", handle_call),
    ("POST", "/mcp/readonly", handle_call),
)
