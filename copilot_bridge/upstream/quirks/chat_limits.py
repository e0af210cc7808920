"""The limits of Chat Completions bodies that are passed on: ids, order, schemas, documents, texts.

A history may be from another provider's models, and tools from any client.
"""

import base64
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from copilot_bridge.dialects import data_url
from copilot_bridge.dialects.adaptation.blank_texts import NO_CONTENT, is_blank
from copilot_bridge.dialects.adaptation.media import is_text, media_type
from copilot_bridge.dialects.adaptation.tool_call_ids import IdLocation, adapt_id_locations
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.common import (
    adapt_output_schema,
    adapt_schema,
    dicts,
    end_with_user,
    is_blank_text,
)

Body = dict[str, Any]


def adapt_chat_ids(body: Body, model: Model) -> bool:
    max_length = limits_of("chat", model.vendor, model.id).id_length
    return max_length is not None and adapt_id_locations(chat_ids(body), max_length)


def chat_ids(body: Body) -> Iterator[IdLocation]:
    for message in body["messages"]:
        if "tool_calls" in message:
            yield from ((call, "id", True) for call in dicts(message["tool_calls"]))
        elif "tool_call_id" in message:
            yield message, "tool_call_id", False


def adapt_chat_order(body: Body, _model: Model) -> bool:
    """Move the results of tool calls directly behind them, if other messages are in between."""
    called, missing = set[str](), set[str]()
    for message in body["messages"]:
        if message["role"] == "tool":
            if str(message.get("tool_call_id")) in missing:
                body["messages"] = end_with_user([*gathered(body["messages"])], body["messages"])
                return True
            called.discard(str(message.get("tool_call_id")))
        else:
            missing |= called
            called = {str(call.get("id")) for call in dicts(message.get("tool_calls"))}
    return False


def gathered(messages: list[Body]) -> Iterator[Body]:
    """The messages in an order where results follow their calls directly."""
    results = defaultdict[str, list[Body]](list)
    for message in messages:
        if message["role"] == "tool":
            results[str(message.get("tool_call_id"))].append(message)
    for message in messages:
        if message["role"] != "tool":
            yield message
            ids = [str(call.get("id")) for call in dicts(message.get("tool_calls"))]
            yield from (result for id_ in ids for result in results.pop(id_, []))
    yield from chain.from_iterable(results.values())


def adapt_chat_schemas(body: Body, model: Model) -> bool:
    limits = limits_of("chat", model.vendor, model.id)
    changes = [adapt_schema(tool.get("function"), "parameters", limits) for tool in dicts(body.get("tools"))]
    return any(changes)


def adapt_chat_output(body: Body, model: Model) -> bool:
    if limits_of("chat", model.vendor, model.id).strict != "anthropic":
        return False
    given = body.get("response_format")
    return isinstance(given, dict) and adapt_output_schema(given.get("json_schema"))


def adapt_chat_documents(body: Body, _model: Model) -> bool:
    """Turn documents that are text into text parts; OpenAI accepts PDFs only."""
    changes = [
        adapt_chat_document(part)
        for message in body["messages"]
        for part in dicts(message.get("content"))
        if part.get("type") == "file"
    ]
    return any(changes)


def adapt_chat_document(part: Body) -> bool:
    file = part.get("file")
    try:
        given, data = data_url.split(file.get("file_data") if isinstance(file, dict) else None)
    except ValueError:
        return False
    media = media_type(given, data)
    if is_text(media):
        return document_to_text(part, data)
    file["file_data"] = f"data:{media};base64,{data}"  # type: ignore[index]
    return media != given


def document_to_text(part: Body, data: str) -> bool:
    """Turn a document into a text part.  False: it is not text after all; upstream may refuse it."""
    try:
        text = base64.b64decode(data).decode()
    except ValueError:
        return False
    named = "\n".join(filter(None, (part["file"].get("filename"), text)))
    part.clear()
    part |= {"type": "text", "text": named}
    return True


def adapt_chat_texts(body: Body, model: Model) -> bool:
    """Remove blank texts, which Copilot passes on to Claude and Claude refuses."""
    if limits_of("chat", model.vendor, model.id).blank_texts:
        return False
    changes = [adapt_chat_text(message) for message in body["messages"]]
    kept = [message for message in body["messages"] if not is_empty(message)]
    if len(kept) != len(body["messages"]):
        body["messages"] = kept
        return True
    return any(changes)


def adapt_chat_text(message: Body) -> bool:
    """Remove blank texts of a message; a user's or a tool's message keeps a placeholder."""
    before = message.get("content")
    after = [part for part in before if not is_blank_text(part)] if isinstance(before, list) else before
    if not after or (isinstance(after, str) and is_blank(after)):
        after = NO_CONTENT if message["role"] in ("user", "tool") else None
    message["content"] = after
    return bool(after != before)


def is_empty(message: Body) -> bool:
    """Return whether nothing is left of a message."""
    return (
        message["role"] not in ("user", "tool")
        and message.get("content") is None
        and not any(
            message.get(key) for key in ("tool_calls", "reasoning_opaque", "refusal", "function_call")
        )
    )
