"""References to items of earlier responses, as stateful clients send them in place of the items.

An item's id has the id of its response in it, so that the item is found where the response is kept.
"""

import re
from collections.abc import Callable

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest

REFERENCE = "item_reference"
ITEM_ID = re.compile(r"(?P<prefix>[a-z]+)_(?P<response>[0-9a-f]+)_\d+")
REASONING = "rs_"  # begins the ids of reasoning, without which a conversation can go on

FindItem = Callable[[str], JsonObject | None]


def is_reference(item: JsonObject) -> bool:
    return item.get("type") == REFERENCE or item.keys() == {"id"}


def response_of(item_id: str) -> str | None:
    """Return the id of the response that an item is of, or None if it is not the bridge's."""
    found = ITEM_ID.fullmatch(item_id)
    return f"resp_{found['response']}" if found else None


def resolved(where: str, item: JsonObject, find: FindItem) -> JsonObject:
    """Return the item that is meant, or the item itself.

    :raises InvalidRequest: what the model or the client has said is not kept, or the reference has no id.
    """
    if not is_reference(item):
        return item
    id_ = item.get("id")
    if not isinstance(id_, str):
        raise InvalidRequest(f"{where}.id: expected a string", param=f"{where}.id")
    if found := find(id_):
        return found
    if id_.startswith(REASONING):
        return item | {"type": REFERENCE}  # left out later
    raise InvalidRequest(
        f"{where}: the item {id_[:200]!r} is not kept (any more): send the item itself",
        param=where,
        code="item_not_found",
    )
