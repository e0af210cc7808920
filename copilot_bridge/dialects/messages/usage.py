"""The token usage of a Messages response."""

from typing import Any

from copilot_bridge.dialects import members
from copilot_bridge.dialects.chat_usage import chat_usage
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import TokenUsage

PARTS = ("output_tokens_details", "server_tool_use")
SEARCHES, FETCHES = "web_search_requests", "web_fetch_requests"


def token_counts(usage: Any) -> dict[str, int]:
    """The counts in a usage, with those of its parts: of the thinking, and of the web searches."""
    if not isinstance(usage, dict):
        return {}
    parts = (usage, *(usage.get(name) for name in PARTS))
    fields = (field for part in parts if isinstance(part, dict) for field in part.items())
    return {key: members.token_count(value) for key, value in fields if members.as_integer(value) is not None}


def read_usage(usage: dict[str, int]) -> TokenUsage:
    return TokenUsage(
        input=usage.get("input_tokens", 0),
        cached=usage.get("cache_read_input_tokens", 0),
        cache_written=usage.get("cache_creation_input_tokens", 0),
        output=usage.get("output_tokens", 0),
        reasoning=usage.get("thinking_tokens", 0),
        searches=usage.get(SEARCHES, 0),
        fetches=usage.get(FETCHES, 0),
    )


def as_chat_usage(usage: dict[str, int]) -> JsonObject:
    """Convert a usage to chat's, in which the prompt includes cached tokens."""
    return chat_usage(read_usage(usage))
