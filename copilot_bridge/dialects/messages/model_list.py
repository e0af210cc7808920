"""Anthropic's list of models, which comes in pages.

https://docs.anthropic.com/en/api/models-list
"""

from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList
from copilot_bridge.errors import InvalidRequest

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000


def write_model(entry: ModelEntry) -> JsonObject:
    return {"type": "model", "id": entry.id, "display_name": entry.name, "created_at": entry.created_at}


def write_list(entries: Sequence[ModelEntry], query: Mapping[str, str]) -> JsonObject:
    """Embedding models are left out: this API has nothing to do with them."""
    limit, after, before = read_limit(query), query.get("after_id"), query.get("before_id")
    found = {entry.id: entry for entry in entries if entry.is_conversational}
    ids = list(found)
    if after in ids:
        ids = ids[ids.index(after) + 1 :]
    if before in ids:
        ids = ids[: ids.index(before)]
    page = ids[-limit:] if before else ids[:limit]
    return {
        "data": [write_model(found[id_]) for id_ in page],
        "has_more": len(page) < len(ids),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def read_limit(query: Mapping[str, str]) -> int:
    """Read the size of a page.  Raises InvalidRequest."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: expected a whole number from 1 to {MAX_LIMIT}", param="limit")
    return int(text)


MODEL_LIST = ModelList(write_model, write_list, is_paged=True)
