"""The token usage of a Responses response."""

from copilot_bridge.dialects import members
from copilot_bridge.dialects.chat_usage import chat_usage, count_searches, with_searches
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import TokenUsage


def read_usage(usage: JsonObject) -> TokenUsage:
    """Read the token usage.  OpenAI counts cached tokens among the input."""
    details = members.optional_object(usage, "input_tokens_details")
    cached, cache_written = (
        members.token_count(details.get("cached_tokens")),
        members.token_count(details.get("cache_write_tokens")),
    )
    return TokenUsage(
        input=max(0, members.token_count(usage.get("input_tokens")) - cached - cache_written),
        cached=cached,
        cache_written=cache_written,
        output=members.token_count(usage.get("output_tokens")),
        reasoning=members.token_count(
            members.optional_object(usage, "output_tokens_details").get("reasoning_tokens")
        ),
    )


def as_chat_usage(response: JsonObject) -> JsonObject | None:
    """The usage of a response as chat counts it; None: it has none."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    output = response.get("output")
    searches = count_searches(output) if isinstance(output, list) else 0
    return with_searches(chat_usage(read_usage(usage)), searches)
