"""Items as OpenAI shows them to clients: with ids, and in pages.

https://platform.openai.com/docs/api-reference/responses/input-items
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.responses.item_ids import PREFIXES, digest
from copilot_bridge.errors import InvalidRequest

MAX_LIMIT, DEFAULT_LIMIT = 100, 20  # items of a page


def shown_items(seed: str, items: Iterable[JsonObject]) -> list[JsonObject]:
    """Return items as they are shown: each with a type and an id, and texts as parts.

    :param seed: a text that no other list of items has.
    """
    return [shown_item(f"{seed} {index}", item) for index, item in enumerate(items)]


def shown_item(seed: str, item: JsonObject) -> JsonObject:
    kind = str(item.get("type") or "message")
    id_ = item.get("id") or f"{PREFIXES.get(kind, 'item')}_{digest(seed)}"
    shown = {"id": id_, "type": kind, "status": "completed", **item} | {"id": id_, "type": kind}
    if kind == "message" and isinstance(item.get("content"), str):
        shown["content"] = [text_part(str(item.get("role")), item["content"])]
    return shown


def text_part(role: str, text: str) -> JsonObject:
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": []}
    return {"type": "input_text", "text": text}


def write_list(items: Sequence[JsonObject], *, more: bool = False) -> JsonObject:
    """Write a list of items.

    :param more: there are others behind it.
    """
    ids = [item["id"] for item in items]
    return {
        "object": "list",
        "data": [*items],
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": more,
    }


def write_page(items: Sequence[JsonObject], query: Mapping[str, str]) -> JsonObject:
    """Write the page of a list that a query asks for.

    :raises InvalidRequest: the query is wrong.
    """
    ordered = [*items] if order_of(query) == "asc" else [*reversed(items)]
    limit = limit_of(query)
    following = ordered[start_of(ordered, query) :]
    return write_list(following[:limit], more=len(following) > limit)


def order_of(query: Mapping[str, str]) -> str:
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order: expected asc or desc", param="order")
    return order


def limit_of(query: Mapping[str, str]) -> int:
    given = query.get("limit", str(DEFAULT_LIMIT))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: expected a number from 1 to {MAX_LIMIT}", param="limit")
    return int(given)


def start_of(items: Sequence[JsonObject], query: Mapping[str, str]) -> int:
    after = query.get("after")
    if not after:
        return 0
    ids: list[Any] = [item["id"] for item in items]
    if after not in ids:
        raise InvalidRequest(f"after: there is no item {after[:200]!r}", param="after")
    return ids.index(after) + 1
