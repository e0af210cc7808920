"""The limits of Messages bodies that are passed on: ids, order, schemas, documents, texts.

A history may be from another provider's models, and tools from any client.
"""

import base64
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from copilot_bridge.dialects.adaptation.blank_texts import FAILED_WITHOUT_OUTPUT, NO_CONTENT, is_blank
from copilot_bridge.dialects.adaptation.media import is_text
from copilot_bridge.dialects.adaptation.tool_call_ids import IdLocation, adapt_id_locations
from copilot_bridge.dialects.messages.request import blocks
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.common import (
    adapt_label,
    adapt_output_schema,
    adapt_schema,
    dicts,
    end_with_user,
    is_blank_text,
)

Body = dict[str, Any]


def adapt_message_blocks(body: Body, model: Model, _betas: object) -> bool:
    """Adapt ids, documents, silent failures, and results that do not follow their calls.

    :raises Unsupported: a document is a URL.
    """
    found, separated = survey(body["messages"])
    max_length = limits_of("messages", model.vendor, model.id).id_length
    adapted = max_length is not None and adapt_id_locations(message_ids(found), max_length)
    if separated:
        body["messages"] = end_with_user([*with_results(body["messages"])], body["messages"])
    changes = (separated, adapted, adapt_message_documents(body, found), fill_failed(found))
    return any(changes)


RELEVANT = ("tool_use", "tool_result", "document")


def survey(messages: list[Body]) -> tuple[list[Body], bool]:
    """Collect the relevant blocks, and return whether a result does not follow its call directly."""
    found, separated = list[Body](), False
    called, missing = set[str](), set[str]()
    for message in messages:
        content = message["content"]
        if called and (message["role"] == "assistant" or not isinstance(content, list)):
            missing |= called
            called = set()
        for block in content if isinstance(content, list) else ():
            kind = block.get("type") if isinstance(block, dict) else None
            if called and kind != "tool_result" and message["role"] != "assistant":
                missing |= called
                called = set()
            if kind not in RELEVANT:
                continue
            found.append(block)
            if kind == "tool_use":
                called.add(str(block.get("id")))
            elif kind == "tool_result":
                separated = separated or str(block.get("tool_use_id")) in missing
                called.discard(str(block.get("tool_use_id")))
    return found, separated


def with_results(messages: list[Body]) -> Iterator[Body]:
    """The messages in an order where results follow their calls directly."""
    results = defaultdict[str, list[Body]](list)
    for block in filter(is_result, (block for message in messages for block in dicts(message["content"]))):
        results[str(block.get("tool_use_id"))].append(block)
    for message in messages:
        content = message["content"]
        others = (
            [block for block in content if not is_result(block)] if isinstance(content, list) else content
        )
        if others:
            yield message | {"content": others}
        ids = [str(block.get("id")) for block in dicts(content) if block.get("type") == "tool_use"]
        if own := [result for id_ in ids for result in results.pop(id_, [])]:
            yield {"role": "user", "content": own}
    if unmatched := [*chain.from_iterable(results.values())]:
        yield {"role": "user", "content": unmatched}


def is_result(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def message_ids(found: list[Body]) -> list[IdLocation]:
    keys = {"tool_use": ("id", True), "tool_result": ("tool_use_id", False)}
    return [(block, *keys[block["type"]]) for block in found if block["type"] in keys]


def adapt_message_schemas(body: Body, model: Model, _betas: object) -> bool:
    limits = limits_of("messages", model.vendor, model.id)
    changes = [adapt_schema(tool, "input_schema", limits) for tool in dicts(body.get("tools"))]
    return any(changes)


def adapt_message_output(body: Body, _model: Model, _betas: object) -> bool:
    given = body.get("output_config")
    return isinstance(given, dict) and adapt_output_schema(given.get("format"))


def adapt_message_documents(body: Body, found: list[Body]) -> bool:
    """Correct the media types of documents, and turn text into text sources.

    :raises Unsupported: a document is a URL, and Copilot fetches none.
    """
    shown = [block["content"] for block in found if isinstance(block.get("content"), list)]
    inner = (block for content in shown for block in content if isinstance(block, dict))
    if all(block.get("type") != "document" for block in (*found, *inner)):
        return False
    changes = [
        adapt_source(f"{where}.source", block["source"])
        for where, block in blocks(body)
        if block.get("type") == "document" and isinstance(block.get("source"), dict)
    ]
    return any(changes)


def adapt_source(where: str, source: Body) -> bool:
    if source.get("type") == "url":
        raise Unsupported(f"{where}: send the document's content: nothing is fetched here", param=where)
    data = source.get("data")
    if source.get("type") != "base64" or not isinstance(data, str):
        return False
    changed = adapt_label(source, "media_type", data)
    if not is_text(str(source.get("media_type"))):
        return changed
    try:
        text = base64.b64decode(data).decode()
    except ValueError:
        return changed
    source |= {"type": "text", "media_type": "text/plain", "data": text}
    return True


def adapt_message_texts(body: Body, _model: Model, _betas: object) -> bool:
    """Put a placeholder where a text must not be blank; blank blocks beside others are removed elsewhere."""
    blank = [message for message in body["messages"] if is_blank_content(message["content"])]
    for message in blank:
        message["content"] = NO_CONTENT if message["role"] == "user" else []
    if blank:
        body["messages"] = [message for message in body["messages"] if message["content"] != []]
    blank_system = "system" in body and is_blank_content(body["system"])
    if blank_system:
        del body["system"]
    changes = (bool(blank), blank_system, trim_last(body["messages"]))
    return any(changes)


def fill_failed(found: list[Body]) -> bool:
    """Put a placeholder into the empty results of failed tools."""
    failed = [block for block in found if block.get("is_error") and block["type"] == "tool_result"]
    silent = [block for block in failed if is_blank_content(block.get("content"))]
    for block in silent:
        block["content"] = FAILED_WITHOUT_OUTPUT
    return bool(silent)


def is_blank_content(content: Any) -> bool:
    """Return whether content is missing, blank, or made of blank blocks."""
    if isinstance(content, list):
        return all(map(is_blank_text, content))
    return content is None or (isinstance(content, str) and is_blank(content))


def trim_last(messages: list[Body]) -> bool:
    """Trim the end of a response that is to be continued."""
    if not messages or messages[-1]["role"] != "assistant":
        return False
    holder, key = messages[-1], "content"
    if isinstance(holder["content"], list):
        holder, key = (dicts(holder["content"]) or [{}])[-1], "text"
    before = holder.get(key)
    if not isinstance(before, str) or before == before.rstrip():
        return False
    holder[key] = before.rstrip()
    return True
