"""A client's request as it was received, and as its dialect reads it."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.client_request import (
    ClientRequest,
    ClientResponse,
    Continuation,
    OnEnd,
    ResponseOptions,
    ignore,
)
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.responses.conversations import with_items
from copilot_bridge.dialects.responses.item_references import response_of
from copilot_bridge.dialects.responses.request import as_items
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.response_store import StoredResponse, caller_of

log = logging.getLogger(__name__)

ReadBody = Callable[[bytes], ClientRequest]


class ReceivedRequest(Struct, frozen=True):
    """A client's request.

    :param data: the body as it came; it is sent as it is if nothing in it has to change.
    :param headers: the client's, their names in lower case.
    :param read: reads the body; with what the path says, if that is a part of the request.
    :param client: the request as its dialect reads it.  :param response: makes the response to it.
    """

    context: RequestContext
    entry: RequestLogEntry
    dialect: Dialect
    data: bytes
    headers: Mapping[str, str]
    read: ReadBody
    client: ClientRequest
    response: ClientResponse

    @property
    def framing(self) -> Framing:
        """Return the framing of the stream that the client wants."""
        return self.client.framing or self.dialect.framing

    def read_again(self, model: str = "") -> "ReceivedRequest":
        """Return the request as it was before anything in it was changed.

        :param model: the name of the model, if it is not to be the client's.
        """

        def read(data: bytes) -> ClientRequest:
            client = self.read(data)
            client.model = model or client.model
            return client

        return read_request(self.context, self.entry, self.dialect, self.data, self.headers, read)


def read_request(
    context: RequestContext,
    entry: RequestLogEntry,
    dialect: Dialect,
    data: bytes,
    headers: Mapping[str, str],
    read: ReadBody | None = None,
) -> ReceivedRequest:
    """Read a request of a conversation.

    :param read: reads the body; None: the dialect's own reader, for which the body has everything.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """
    assert dialect.request
    read = read or dialect.request.read
    client = read(data)
    bridge, continuation = context.bridge, client.continuation
    on_end = continue_conversation(context, continuation, data, headers) if continuation else ignore
    keep = bridge.config.keep_copilot_fields
    options = ResponseOptions(
        entry.id, int(entry.at), keep, bridge.upstream_item_ids, on_end, entry.elapsed, rfc3339_now
    )
    return ReceivedRequest(context, entry, dialect, data, headers, read, client, client.response(options))


def rfc3339_now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def continue_conversation(
    context: RequestContext, continuation: Continuation, data: bytes, headers: Mapping[str, str]
) -> OnEnd:
    """Prepend the conversation that a request continues, and return the function that keeps its response.

    :raises InvalidRequest: the previous response, the conversation or an item to which the request refers is
        not kept, or is another caller's.
    """
    store, before, ends = context.bridge.response_store, None, list[OnEnd]()
    if continuation.resolve:
        items = continuation.resolve(partial(find_item, context, headers))
        data = codec.write({"input": items})  # what is kept refers to nothing
    if continuation.previous:
        before = find_response(context, headers, continuation.previous)
        continuation.prepend(before.items())
    if continuation.conversation:
        items = find_conversation(context, headers, continuation.conversation)["items"]
        before = StoredResponse(None, codec.write({"input": items}))
        continuation.prepend(items)
        ends.append(partial(add_to_conversation, context, headers, continuation.conversation, data))
    is_stored = bool(continuation.is_kept and store.max_bytes)
    if is_stored or context.memory is not None:
        ends.append(partial(keep_response, context, headers, StoredResponse(before, data), is_stored))
    return partial(call_each, ends) if ends else ignore


def call_each(ends: list[OnEnd], response: JsonObject) -> None:
    for end in ends:
        end(response)


def find_conversation(context: RequestContext, headers: Mapping[str, str], id_: str) -> JsonObject:
    """Find a conversation that is kept for this caller.

    :raises InvalidRequest: it is not kept, or belongs to another caller.
    """
    if found := context.bridge.kept_objects.read(owner(context, headers), id_):
        return found
    raise InvalidRequest(
        f"the conversation {id_[:200]!r} is not kept (any more)",
        param="conversation",
        code="conversation_not_found",
    )


def add_to_conversation(
    context: RequestContext, headers: Mapping[str, str], id_: str, data: bytes, response: JsonObject
) -> None:
    """Add a request and its response to a conversation, unless that was deleted meanwhile."""
    items = [*as_items(codec.read(data)["input"]), *response["output"]]
    try:
        context.bridge.kept_objects.change(owner(context, headers), id_, partial(with_items, items=items))
    except BridgeError as error:
        log.warning("a turn of the conversation %s can't be stored: %s", id_, error)


def find_response(context: RequestContext, headers: Mapping[str, str], id_: str) -> StoredResponse:
    """Find a response that is kept for this caller, or was given on the same connection.

    :raises InvalidRequest: it is not kept, or belongs to another caller.
    """
    if found := kept_response(context, headers, id_):
        return found
    raise InvalidRequest(
        f"the response {id_[:200]!r} is not kept (any more): send the whole conversation",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def kept_response(context: RequestContext, headers: Mapping[str, str], id_: str) -> StoredResponse | None:
    if context.memory and (found := context.memory.find(id_)):
        return found
    return context.bridge.response_store.find(owner(context, headers), id_)


def find_item(context: RequestContext, headers: Mapping[str, str], id_: str) -> JsonObject | None:
    """Find an item of a response that is kept."""
    response_id = response_of(id_)
    found = kept_response(context, headers, response_id) if response_id else None
    output: list[JsonObject] = found.response().get("output", []) if found else []
    return next((item for item in output if item.get("id") == id_), None)


def keep_response(
    context: RequestContext,
    headers: Mapping[str, str],
    link: StoredResponse,
    is_stored: bool,
    response: JsonObject,
) -> None:
    """Keep a response for a later request that continues it.

    :param link: its request, and the response before.
    :param is_stored: it is kept for other connections, too.
    """
    stored = StoredResponse(link.before, link.given, codec.write(response))
    if context.memory is not None:
        context.memory.keep(response["id"], stored)
    if is_stored:
        context.bridge.response_store.keep(owner(context, headers), response["id"], stored)


def owner(context: RequestContext, headers: Mapping[str, str]) -> str:
    """Return the key under which the caller's responses are kept."""
    return caller_of(context.caller, context.account.fingerprint, headers)
