"""Google's list of models, which comes in pages.

https://ai.google.dev/api/models
"""

from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList
from copilot_bridge.errors import InvalidRequest

DEFAULT_SIZE, MAX_SIZE = 50, 1000

CONVERSATION_METHODS = ("generateContent", "streamGenerateContent", "countTokens")
EMBEDDING_METHODS = ("embedContent", "batchEmbedContents")


def write_model(entry: ModelEntry) -> JsonObject:
    methods = CONVERSATION_METHODS if entry.is_conversational else EMBEDDING_METHODS
    limits = {"inputTokenLimit": entry.context, "outputTokenLimit": entry.max_output_tokens}
    return {
        "name": f"models/{entry.id}",
        "baseModelId": entry.id,
        "version": entry.id,
        "displayName": entry.name,
        "description": f"{entry.name} by {entry.vendor}, from GitHub Copilot",
        **{name: limit for name, limit in limits.items() if limit},
        "supportedGenerationMethods": [*methods],
    }


def write_list(entries: Sequence[ModelEntry], query: Mapping[str, str]) -> JsonObject:
    """Write a page of the list.  The token of the next page is the number of models before it."""
    start, size = read_number(query, "pageToken", 0), read_number(query, "pageSize", DEFAULT_SIZE)
    end = start + min(size or DEFAULT_SIZE, MAX_SIZE)
    page: JsonObject = {"models": [write_model(entry) for entry in entries[start:end]]}
    return page | ({"nextPageToken": str(end)} if end < len(entries) else {})


def read_number(query: Mapping[str, str], name: str, default: int) -> int:
    """Read a number of the query.  Raises InvalidRequest."""
    text = query.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidRequest(f"{name}: expected a whole number", param=name)
    return int(text)


MODEL_LIST = ModelList(write_model, write_list, is_paged=True)
