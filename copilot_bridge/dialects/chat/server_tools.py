"""The web search of a Chat Completions request."""

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import ServerTool
from copilot_bridge.dialects.server_tools.functions import SEARCH
from copilot_bridge.dialects.validation import STRING, Validators, object_of, one_of

PLACE: Validators = dict.fromkeys(("city", "region", "country", "timezone"), STRING)
OPTIONS = object_of(
    optional={
        "search_context_size": one_of("low", "medium", "high"),
        "user_location": object_of(optional={"approximate": object_of(optional=PLACE)}),
    }
)


def read_server_tools(body: JsonObject) -> tuple[ServerTool, ...]:
    """Read `web_search_options`; null asks for no search."""
    options = body.get("web_search_options")
    if options is None:
        return ()
    location = (options.get("user_location") or {}).get("approximate") or {}
    known = {name: location[name] for name in PLACE if location.get(name)}
    return (ServerTool(SEARCH, location=known or None, demanded_by="web_search_options"),)
