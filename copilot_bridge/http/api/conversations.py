"""OpenAI's conversations, whose items the bridge keeps.

https://platform.openai.com/docs/api-reference/conversations
"""

import time
import uuid
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, request

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.responses import conversations
from copilot_bridge.dialects.responses.item_lists import write_list, write_page
from copilot_bridge.errors import BridgeError, Unsupported
from copilot_bridge.http.api.responses import as_json, headers
from copilot_bridge.http.body import read_body
from copilot_bridge.http.context import bridge, request_context
from copilot_bridge.pipeline.received import owner

bp = Blueprint("conversations", __name__)


@bp.post("/conversations")
def create() -> Response:
    body = conversations.read_new(read_body())
    if not bridge().response_store.max_bytes:
        raise Unsupported("this bridge keeps no conversations")
    made = conversations.new_conversation(f"conv_{uuid.uuid4().hex}", int(time.time()), body)
    bridge().kept_objects.write(mine(), made["id"], made)
    return as_json(conversations.write_conversation(made))


@bp.get("/conversations/<id_>")
def show(id_: str) -> Response:
    return as_json(conversations.write_conversation(find(id_)))


@bp.post("/conversations/<id_>")
def update(id_: str) -> Response:
    metadata = conversations.read_metadata(read_body())
    return as_json(conversations.write_conversation(change(id_, lambda kept: kept | {"metadata": metadata})))


@bp.delete("/conversations/<id_>")
def delete(id_: str) -> Response:
    find(id_)
    bridge().kept_objects.remove(mine(), id_)
    return as_json(conversations.write_deleted(id_))


@bp.post("/conversations/<id_>/items")
def add(id_: str) -> Response:
    items = conversations.read_items(read_body())
    kept = change(id_, partial(conversations.with_items, items=items))["items"]
    return as_json(write_list(kept[len(kept) - len(items) :]))


@bp.get("/conversations/<id_>/items")
def show_items(id_: str) -> Response:
    return as_json(write_page(find(id_)["items"], request.args))


@bp.get("/conversations/<id_>/items/<item>")
def show_item(id_: str, item: str) -> Response:
    if (found := conversations.find_item(find(id_), item)) is None:
        raise not_found("item", item)
    return as_json(found)


@bp.delete("/conversations/<id_>/items/<item>")
def delete_item(id_: str, item: str) -> Response:
    if conversations.find_item(find(id_), item) is None:
        raise not_found("item", item)
    kept = change(id_, partial(conversations.without_item, id_=item))
    return as_json(conversations.write_conversation(kept))


def find(id_: str) -> JsonObject:
    """A conversation of this caller.  Raises BridgeError "not_found"."""
    if (found := bridge().kept_objects.read(mine(), id_)) is None or "items" not in found:
        raise not_found("conversation", id_)
    return found


def change(id_: str, act: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Changes a conversation of this caller.  Raises BridgeError "not_found"."""
    find(id_)
    if (changed := bridge().kept_objects.change(mine(), id_, act)) is None:
        raise not_found("conversation", id_)
    return changed


def not_found(what: str, id_: str) -> BridgeError:
    return BridgeError(f"the {what} {id_[:200]!r} is not kept (any more)", kind="not_found")


def mine() -> str:
    return owner(request_context(), headers())
