"""The body of `POST /alpha/search`, by which some versions of Codex search for a model themselves.

Source: Codex's source text (`codex-api/src/search.rs`, 2026).  Its other commands open pages, or look up
prices, the weather and the like.
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import ServerTool
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.responses.server_tools import FILTERS, PLACE
from copilot_bridge.dialects.server_tools.functions import SEARCH
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    POSITIVE,
    STRING,
    Validators,
    list_of,
    object_of,
)

QUERY = object_of({"q": STRING}, optional={"recency": POSITIVE, "domains": list_of(STRING)})
COMMANDS = object_of(optional={"search_query": list_of(QUERY)})
SETTINGS = object_of(
    optional={
        "filters": FILTERS,
        "user_location": object_of(optional=PLACE),
        "external_web_access": BOOLEAN,
    }
)
REQUIRED: Validators = {"model": MODEL, "commands": COMMANDS}
FIELDS: Validators = {"settings": SETTINGS}

NOT_HERE = "{}: not available here; use search_query."


def read(data: bytes) -> JsonObject:
    """Read a body.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, FIELDS, body)
    return body


def searches(body: JsonObject) -> Iterator[tuple[str, ServerTool]]:
    """Yield each search: what it is for, and how it may be made."""
    settings = body.get("settings") or {}
    filters, place = settings.get("filters") or {}, settings.get("user_location") or {}
    for query in body["commands"].get("search_query") or ():
        tool = ServerTool(
            SEARCH,
            allowed_domains=tuple(query.get("domains") or filters.get("allowed_domains") or ()),
            blocked_domains=tuple(filters.get("blocked_domains") or ()),
            location={name: place[name] for name in PLACE if place.get(name)} or None,
            offline=settings.get("external_web_access") is False,
        )
        recent = f" (from the last {query['recency']} days)" if query.get("recency") else ""
        yield f"{query['q']}{recent}", tool


def other_commands(body: JsonObject) -> list[str]:
    """Return the names of the commands that are no searches."""
    commands: dict[str, Any] = body["commands"]
    return [
        name
        for name, given in commands.items()
        if isinstance(given, list) and given and name != "search_query"
    ]


def conversation_body(body: JsonObject) -> JsonObject:
    """Return the conversation for which the search is made, as a body of Responses."""
    given = body.get("input")
    usable = isinstance(given, str) or (
        isinstance(given, list) and bool(given) and all(isinstance(item, dict) for item in given)
    )
    return {"input": given if usable else "search"}
