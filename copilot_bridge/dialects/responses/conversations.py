"""Conversations that clients make, and whose items the bridge keeps.

https://platform.openai.com/docs/api-reference/conversations
"""

from collections.abc import Iterable
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.request_body import read_body
from copilot_bridge.dialects.responses.item_lists import shown_items
from copilot_bridge.dialects.validation import OBJECT, Validator, Validators, list_of, predicate, validate
from copilot_bridge.errors import InvalidRequest

MAX_ITEMS = 20  # in one request

ITEMS = list_of(OBJECT)
METADATA = predicate(
    "an object of at most 16 texts",
    lambda value: isinstance(value, dict) and len(value) <= 16 and all(map(is_text, value.values())),
    {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 16},
)
FIELDS: Validators = {"items": ITEMS, "metadata": METADATA}


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def id_of(conversation: Any) -> str | None:
    """Return the id in a request's field `conversation`; None: there is none."""
    given = conversation.get("id") if isinstance(conversation, dict) else conversation
    return given if isinstance(given, str) and given else None


def check_conversation(where: str, value: Any) -> None:
    if id_of(value) is None:
        raise InvalidRequest(f"{where}: expected the id of a conversation", param=where)


CONVERSATION = Validator(
    check_conversation,
    {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object", "required": ["id"]}]},
)


def read_new(data: bytes) -> JsonObject:
    """Read the body of a request that makes a conversation; it may be empty.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data) if data.strip() else {}
    validate(FIELDS, body)
    return body


def read_items(data: bytes) -> list[JsonObject]:
    """Read the body of a request that adds items.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    ITEMS.check("items", body.get("items"))
    if len(body["items"]) > MAX_ITEMS:
        raise InvalidRequest(f"items: expected at most {MAX_ITEMS}", param="items")
    return list(body["items"])


def read_metadata(data: bytes) -> JsonObject:
    """Read the body of a request that changes the metadata.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    METADATA.check("metadata", body.get("metadata"))
    return dict(body["metadata"])


def new_conversation(id_: str, created: int, body: JsonObject) -> JsonObject:
    """Return a conversation as it is kept.

    :param created: unix seconds.
    """
    kept: JsonObject = {"id": id_, "created_at": created, "metadata": body.get("metadata") or {}}
    return with_items(kept | {"items": [], "added": 0}, body.get("items") or ())


def with_items(conversation: JsonObject, items: Iterable[JsonObject]) -> JsonObject:
    """Return a conversation with more items.  They get ids that none of it has had before."""
    added = shown_items(f"{conversation['id']} {conversation['added']}", items)
    count = conversation["added"] + len(added)
    return conversation | {"items": [*conversation["items"], *added], "added": count}


def without_item(conversation: JsonObject, id_: str) -> JsonObject:
    return conversation | {"items": [item for item in conversation["items"] if item["id"] != id_]}


def find_item(conversation: JsonObject, id_: str) -> JsonObject | None:
    return next((item for item in conversation["items"] if item["id"] == id_), None)


def write_conversation(conversation: JsonObject) -> JsonObject:
    """Write a conversation as a client sees it."""
    shown = {name: conversation[name] for name in ("id", "created_at", "metadata")}
    return {"object": "conversation", **shown}


def write_deleted(id_: str) -> JsonObject:
    return {"id": id_, "object": "conversation.deleted", "deleted": True}
