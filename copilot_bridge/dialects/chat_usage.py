"""The token usage of a response in the form of OpenAI's chat API, which the log reads for all dialects."""

from collections.abc import Iterable
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import TokenUsage

SEARCHES = "web_searches"  # not a field of OpenAI's


def chat_usage(usage: TokenUsage) -> JsonObject:
    """Write the usage.  OpenAI counts cached tokens among the prompt."""
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt_tokens + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    return with_searches(counts, usage.searches)


def with_searches(usage: JsonObject, number: int) -> JsonObject:
    return usage | {SEARCHES: number} if number else usage


def count_searches(output: Iterable[Any]) -> int:
    """The number of web searches among the output items of a Responses response."""
    return sum(isinstance(item, dict) and item.get("type") == "web_search_call" for item in output)
