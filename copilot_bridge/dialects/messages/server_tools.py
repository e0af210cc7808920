"""Server tools in Messages: those of a request, and the blocks that their runs leave in a conversation."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.dialects import members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import ServerToolResult, Source
from copilot_bridge.dialects.prompt import ServerTool
from copilot_bridge.dialects.server_tools.functions import FETCH, SEARCH
from copilot_bridge.dialects.server_tools.texts import (
    called_text,
    decode_text,
    encode_text,
    error_text,
    result_text,
)
from copilot_bridge.dialects.validation import (
    POSITIVE,
    STRING,
    Validators,
    list_of,
    object_of,
)
from copilot_bridge.errors import InvalidRequest

KINDS = {SEARCH: re.compile(r"web_search_\d+"), FETCH: re.compile(r"web_fetch_\d+")}

MAX_CITED = 150  # characters of a page that a citation shows

LOCATION: Validators = dict.fromkeys(("city", "region", "country", "timezone"), STRING)
FIELDS: Validators = {
    "max_uses": POSITIVE,
    "allowed_domains": list_of(STRING),
    "blocked_domains": list_of(STRING),
    "user_location": object_of(optional=LOCATION),
    "max_content_tokens": POSITIVE,
}

RESULT = object_of(optional={"url": STRING, "title": STRING, "page_age": STRING})


def kind_of(tool: Any) -> str | None:
    """Return the kind of a server tool that the bridge can run; None: it is another tool."""
    type_ = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(type_, str) or not type_.startswith("web_"):
        return None
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(type_)), None)


def read_server_tools(body: JsonObject) -> Iterator[ServerTool]:
    """Read the server tools of a request.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    for index, tool in enumerate(body.get("tools") or ()):
        if kind := kind_of(tool):
            yield read_server_tool(f"tools.{index}", kind, tool)


def read_server_tool(where: str, kind: str, tool: JsonObject) -> ServerTool:
    for name, validator in FIELDS.items():
        if tool.get(name) is not None:
            validator.check(f"{where}.{name}", tool[name])
    if tool.get("allowed_domains") and tool.get("blocked_domains"):
        message = "expected either allowed_domains or blocked_domains, not both"
        raise InvalidRequest(f"{where}: {message}", param=where)
    location = tool.get("user_location") or {}
    return ServerTool(
        kind,
        max_uses=tool.get("max_uses"),
        allowed_domains=tuple(tool.get("allowed_domains") or ()),
        blocked_domains=tuple(tool.get("blocked_domains") or ()),
        location={name: location[name] for name in LOCATION if location.get(name)} or None,
        max_tokens=tool.get("max_content_tokens"),
    )


# Blocks that the bridge writes.


def result_block(result: ServerToolResult) -> JsonObject:
    return {
        "type": f"{result.tool}_tool_result",
        "tool_use_id": result.id,
        "content": error_of(result) if result.error else CONTENT[result.tool](result),
    }


def error_of(result: ServerToolResult) -> JsonObject:
    return {"type": f"{result.tool}_tool_result_error", "error_code": result.error}


def found_pages(result: ServerToolResult) -> list[JsonObject]:
    return [
        {
            "type": "web_search_result",
            "url": source.url,
            "title": source.title,
            "page_age": source.age or None,
            "encrypted_content": encode_text(source.text),
        }
        for source in result.sources
    ]


def read_page(result: ServerToolResult) -> JsonObject:
    page = result.sources[0]
    text = {"type": "text", "media_type": "text/plain", "data": page.text}
    document = {"type": "document", "source": text, "title": page.title, "citations": {"enabled": False}}
    return {
        "type": "web_fetch_result",
        "url": page.url,
        "content": document,
        "retrieved_at": page.age or None,
    }


CONTENT: dict[str, Callable[[ServerToolResult], Any]] = {SEARCH: found_pages, FETCH: read_page}


def citation_of(source: Source) -> JsonObject:
    return {
        "type": "web_search_result_location",
        "url": source.url,
        "title": source.title,
        "encrypted_index": encode_text(""),
        "cited_text": source.text[:MAX_CITED],
    }


# Blocks that clients send back.


def read_server_call(block: JsonObject) -> str:
    """Read an earlier call as a text."""
    given = block.get("input")
    arguments = given if isinstance(given, dict) else {}
    argument = arguments.get("query") or arguments.get("url") or ""
    return called_text(str(block.get("name")), argument) if argument else ""


def read_search_result(block: JsonObject) -> str:
    """Read an earlier search as a text with its pages."""
    content = block.get("content")
    if isinstance(content, dict):
        return error_text(str(content.get("error_code")))
    pages = [page for page in content if isinstance(page, dict)] if isinstance(content, list) else []
    return result_text(map(source_of, pages))


def source_of(page: JsonObject) -> Source:
    url, title, age = (str(page.get(name) or "") for name in ("url", "title", "page_age"))
    return Source(url, title, decode_text(page.get("encrypted_content")), age)


def read_fetch_result(block: JsonObject) -> str:
    """Read an earlier page as a text."""
    content = block.get("content")
    found = content if isinstance(content, dict) else {}
    if "error_code" in found:
        return error_text(str(found["error_code"]))
    document = members.optional_object(found, "content")
    source = members.optional_object(document, "source")
    text = source.get("data") if source.get("type") == "text" else ""
    return result_text(
        [Source(str(found.get("url") or ""), str(document.get("title") or ""), str(text or ""))]
    )


READ_SERVER_BLOCK: dict[str, Callable[[JsonObject], str]] = {
    "server_tool_use": read_server_call,
    "web_search_tool_result": read_search_result,
    "web_fetch_tool_result": read_fetch_result,
}
