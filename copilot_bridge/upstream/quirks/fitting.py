"""The limits of the target, for bodies that are passed on: what `dialects/adaptation` does to prompts.

A history may have been made with another provider's models, and tools come from anywhere.
"""

import base64
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from copilot_bridge.dialects import data_url
from copilot_bridge.dialects.adaptation.argument_schemas import adapt_argument_schema
from copilot_bridge.dialects.adaptation.blank_texts import FAILED_WITHOUT_OUTPUT, NO_CONTENT, is_blank
from copilot_bridge.dialects.adaptation.limits import Limits, limits_of
from copilot_bridge.dialects.adaptation.media import is_text, media_type
from copilot_bridge.dialects.adaptation.output_schemas import SCHEMA_SUBSETS, output_schema
from copilot_bridge.dialects.adaptation.tool_call_ids import IdLocation, adapt_id_locations
from copilot_bridge.dialects.adaptation.tool_choice import check_tool_choice
from copilot_bridge.dialects.messages.request import blocks
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.turns import GO_ON

Body = dict[str, Any]

MODES = {"any": "required", "required": "required", "tool": "tool", "function": "tool", "custom": "tool"}


def dicts(given: Any) -> list[Body]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def fit_schema(holder: Any, key: str, limits: Limits) -> bool:
    """The schema of a tool's arguments, where there is one."""
    schema = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        return False
    holder[key] = adapt_argument_schema(schema, limits)
    return holder[key] is not schema


def fit_answer(holder: Any) -> bool:
    """The form of an answer, where there is one, as Claude takes it."""
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        return False
    holder["schema"] = output_schema(schema, SCHEMA_SUBSETS["anthropic"])
    return bool(holder["schema"] != schema)


def fit_label(holder: Body, key: str, data: Any) -> bool:
    """A media type, by what the bytes are."""
    told = holder.get(key)
    if not isinstance(told, str) or not isinstance(data, str):
        return False
    holder[key] = media_type(told, data)
    return bool(holder[key] != told)


# Chat Completions.


def fit_chat_ids(body: Body, model: Model) -> bool:
    most = limits_of("chat", model.vendor, model.id).id_length
    return most is not None and adapt_id_locations(chat_ids(body), most)


def chat_ids(body: Body) -> Iterator[IdLocation]:
    for message in body["messages"]:
        if "tool_calls" in message:
            yield from ((call, "id", True) for call in dicts(message["tool_calls"]))
        elif "tool_call_id" in message:
            yield message, "tool_call_id", False


def fit_chat_order(body: Body, _model: Model) -> bool:
    """The results of calls directly behind them, where anybody has spoken in between."""
    called, missing = set[str](), set[str]()
    for message in body["messages"]:
        if message["role"] == "tool":
            if str(message.get("tool_call_id")) in missing:
                body["messages"] = answerable([*gathered(body["messages"])], body["messages"])
                return True
            called.discard(str(message.get("tool_call_id")))
        else:
            missing |= called
            called = {str(call.get("id")) for call in dicts(message.get("tool_calls"))}
    return False


def answerable(after: list[Body], before: list[Body]) -> list[Body]:
    """Where a note has come to the end, which a model would continue instead of answering."""
    noted = after[-1]["role"] == "assistant" and before[-1]["role"] != "assistant"
    return [*after, {"role": "user", "content": GO_ON}] if noted else after


def gathered(messages: list[Body]) -> Iterator[Body]:
    """Each message with calls, their results, and the rest of what follows."""
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


def fit_chat_schemas(body: Body, model: Model) -> bool:
    limits = limits_of("chat", model.vendor, model.id)
    changes = [fit_schema(tool.get("function"), "parameters", limits) for tool in dicts(body.get("tools"))]
    return any(changes)


def fit_chat_answer(body: Body, model: Model) -> bool:
    if limits_of("chat", model.vendor, model.id).strict != "anthropic":
        return False
    given = body.get("response_format")
    return isinstance(given, dict) and fit_answer(given.get("json_schema"))


def fit_chat_documents(body: Body, _model: Model) -> bool:
    """OpenAI takes PDFs there: what is text is said as text."""
    changes = [
        fit_chat_document(part)
        for message in body["messages"]
        for part in dicts(message.get("content"))
        if part.get("type") == "file"
    ]
    return any(changes)


def fit_chat_document(part: Body) -> bool:
    file = part.get("file")
    try:
        told, data = data_url.split(file.get("file_data") if isinstance(file, dict) else None)
    except ValueError:
        return False
    media = media_type(told, data)
    if is_text(media):
        return say_document(part, data)
    file["file_data"] = f"data:{media};base64,{data}"  # type: ignore[index]
    return media != told


def say_document(part: Body, data: str) -> bool:
    """False: it is no text after all, and upstream's to refuse."""
    try:
        text = base64.b64decode(data).decode()
    except ValueError:
        return False
    named = "\n".join(filter(None, (part["file"].get("filename"), text)))
    part.clear()
    part |= {"type": "text", "text": named}
    return True


def fit_chat_texts(body: Body, model: Model) -> bool:
    """Copilot hands blank texts on to Claude, who refuses them."""
    if limits_of("chat", model.vendor, model.id).blank_texts:
        return False
    changes = [fit_chat_text(message) for message in body["messages"]]
    kept = [message for message in body["messages"] if not is_said_in_vain(message)]
    if len(kept) != len(body["messages"]):
        body["messages"] = kept
        return True
    return any(changes)


def fit_chat_text(message: Body) -> bool:
    """A person or a tool has said something, and if it is nothing."""
    before = message.get("content")
    after = [part for part in before if not is_blank_text(part)] if isinstance(before, list) else before
    if not after or (isinstance(after, str) and is_blank(after)):
        after = NO_CONTENT if message["role"] in ("user", "tool") else None
    message["content"] = after
    return bool(after != before)


def is_blank_text(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") != "text":
        return False
    text = block.get("text")
    return not text or (isinstance(text, str) and text.isspace())


def is_said_in_vain(message: Body) -> bool:
    """Nothing is left of it."""
    return (
        message["role"] not in ("user", "tool")
        and message.get("content") is None
        and not any(
            message.get(key) for key in ("tool_calls", "reasoning_opaque", "refusal", "function_call")
        )
    )


# Messages.  :param _betas: of no matter here.


def fit_message_blocks(body: Body, model: Model, _betas: object) -> bool:
    """Ids, documents, failures of which nothing is said, and results that came apart.  Raises Unsupported."""
    found, parted = survey(body["messages"])
    most = limits_of("messages", model.vendor, model.id).id_length
    fitted = most is not None and adapt_id_locations(message_ids(found), most)
    if parted:
        body["messages"] = answerable([*with_results(body["messages"])], body["messages"])
    changes = (parted, fitted, fit_message_documents(body, found), fill_failed(found))
    return any(changes)


LOOKED_AT = ("tool_use", "tool_result", "document")


def survey(messages: list[Body]) -> tuple[list[Body], bool]:
    """(the blocks that are looked at, whether anything is said between a call and its result)."""
    found, parted = list[Body](), False
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
            if kind not in LOOKED_AT:
                continue
            found.append(block)
            if kind == "tool_use":
                called.add(str(block.get("id")))
            elif kind == "tool_result":
                parted = parted or str(block.get("tool_use_id")) in missing
                called.discard(str(block.get("tool_use_id")))
    return found, parted


def with_results(messages: list[Body]) -> Iterator[Body]:
    """Each message with calls, their results, and the rest of what follows."""
    results = defaultdict[str, list[Body]](list)
    for block in filter(is_result, (each for message in messages for each in dicts(message["content"]))):
        results[str(block.get("tool_use_id"))].append(block)
    for message in messages:
        content = message["content"]
        others = (
            [block for block in content if not is_result(block)] if isinstance(content, list) else content
        )
        if others:
            yield message | {"content": others}
        ids = [str(block.get("id")) for block in dicts(content) if block.get("type") == "tool_use"]
        if mine := [result for id_ in ids for result in results.pop(id_, [])]:
            yield {"role": "user", "content": mine}
    if rest := [*chain.from_iterable(results.values())]:
        yield {"role": "user", "content": rest}


def is_result(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def message_ids(found: list[Body]) -> list[IdLocation]:
    keys = {"tool_use": ("id", True), "tool_result": ("tool_use_id", False)}
    return [(block, *keys[block["type"]]) for block in found if block["type"] in keys]


def fit_message_schemas(body: Body, model: Model, _betas: object) -> bool:
    limits = limits_of("messages", model.vendor, model.id)
    changes = [fit_schema(tool, "input_schema", limits) for tool in dicts(body.get("tools"))]
    return any(changes)


def fit_message_answer(body: Body, _model: Model, _betas: object) -> bool:
    given = body.get("output_config")
    return isinstance(given, dict) and fit_answer(given.get("format"))


def fit_message_documents(body: Body, found: list[Body]) -> bool:
    """Raises Unsupported: one is somewhere else, and Copilot fetches none."""
    shown = [block["content"] for block in found if isinstance(block.get("content"), list)]
    inner = (each for content in shown for each in content if isinstance(each, dict))
    if all(block.get("type") != "document" for block in (*found, *inner)):
        return False
    changes = [
        fit_source(f"{where}.source", block["source"])
        for where, block in blocks(body)
        if block.get("type") == "document" and isinstance(block.get("source"), dict)
    ]
    return any(changes)


def fit_source(where: str, source: Body) -> bool:
    if source.get("type") == "url":
        raise Unsupported(f"{where}: send the document's content: nothing is fetched here", param=where)
    data = source.get("data")
    if source.get("type") != "base64" or not isinstance(data, str):
        return False
    changed = fit_label(source, "media_type", data)
    if not is_text(str(source.get("media_type"))):
        return changed
    try:
        text = base64.b64decode(data).decode()
    except ValueError:
        return changed
    source |= {"type": "text", "media_type": "text/plain", "data": text}
    return True


def fit_message_texts(body: Body, _model: Model, _betas: object) -> bool:
    """Words where there are none but have to be some; blank blocks beside others are left out elsewhere."""
    blank = [message for message in body["messages"] if is_blank_content(message["content"])]
    for message in blank:
        message["content"] = NO_CONTENT if message["role"] == "user" else []
    if blank:
        body["messages"] = [message for message in body["messages"] if message["content"] != []]
    unsaid = "system" in body and is_blank_content(body["system"])
    if unsaid:
        del body["system"]
    changes = (bool(blank), unsaid, trim_last(body["messages"]))
    return any(changes)


def fill_failed(found: list[Body]) -> bool:
    """Words for what a tool has not said of its failure."""
    failed = [block for block in found if block.get("is_error") and block["type"] == "tool_result"]
    silent = [block for block in failed if is_blank_content(block.get("content"))]
    for block in silent:
        block["content"] = FAILED_WITHOUT_OUTPUT
    return bool(silent)


def is_blank_content(content: Any) -> bool:
    """A text, blocks or nothing of which nothing can be seen."""
    if isinstance(content, list):
        return all(map(is_blank_text, content))
    return content is None or (isinstance(content, str) and is_blank(content))


def trim_last(messages: list[Body]) -> bool:
    """An answer that is to be continued does not end in white space."""
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


# Responses.


def fit_response_ids(body: Body, model: Model) -> bool:
    most = limits_of("responses", model.vendor, model.id).id_length
    return most is not None and adapt_id_locations(response_ids(body), most)


def response_ids(body: Body) -> Iterator[IdLocation]:
    for item in dicts(body["input"]):
        if "call_id" in item:
            yield item, "call_id", str(item.get("type")).endswith("_call")


def fit_response_schemas(body: Body, model: Model) -> bool:
    limits = limits_of("responses", model.vendor, model.id)
    offered = dicts(body.get("tools"))
    inner = [each for tool in offered for each in dicts(tool.get("tools"))]
    changes = [fit_schema(tool, "parameters", limits) for tool in (*offered, *inner)]
    return any(changes)


def check_named_choice(choice: Any, tools: list[Any]) -> None:
    """After tools were left out.  :param tools: those that are left.

    :raises Unsupported: the choice means one that was.
    """
    told = choice if isinstance(choice, dict) else {"type": choice}
    mode = MODES.get(str(told.get("type")), "auto")
    named = told.get("function") or told.get("custom") or told
    name = named.get("name") if isinstance(named, dict) else None
    check_tool_choice(mode, name, [str(tool.get("name")) for tool in dicts(tools)])
