"""Messages with Anthropic's blocks, Responses' parts or flat tool calls."""

from collections.abc import Iterator, Mapping
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.foreign_forms.parts import BLOCKS, check_blocks, kind_of, normalize_part
from copilot_bridge.dialects.codec import JsonObject


def has_foreign_parts(message: Any) -> bool:
    """Return whether a message has a part or a call in another API's form.  Called for each message."""
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(kind := part.get("type"), str) and kind in BLOCKS:
                return True
    calls = message.get("tool_calls")
    return isinstance(calls, list) and any(map(is_flat_call, calls))


def is_flat_call(call: Any) -> bool:
    return isinstance(call, dict) and isinstance(call.get("name"), str) and "function" not in call


def normalize_messages(where: str, messages: list[Any]) -> Iterator[Any]:
    """Yield messages in chat's form.  The results of tools become messages of their own.

    :param where: the field that they are in.
    """
    for index, message in enumerate(messages):
        if has_foreign_parts(message):
            yield from normalize_message(f"{where}.{index}", message)
        else:
            yield message


def normalize_message(where: str, message: JsonObject) -> Iterator[JsonObject]:
    if isinstance(message.get("tool_calls"), list):
        message = message | {"tool_calls": [nested_call(call) for call in message["tool_calls"]]}
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    check_blocks(f"{where}.content", parts)
    blocks = {kind: [part for part in parts if kind_of(part) == kind] for kind in BESIDE}
    yield from map(as_result_message, blocks["tool_result"])
    others = [normalize_part(part) for part in parts if kind_of(part) not in BESIDE]
    if message.get("role") == "assistant":
        beside = beside_content(message, blocks)
        yield message | {"content": others or content_without_parts(content, beside)} | beside
    elif others or not blocks["tool_result"]:
        yield message | ({"content": others} if parts else {})


# Blocks that chat has beside a message's content, or nowhere.
BESIDE = ("tool_use", "tool_result", "thinking", "redacted_thinking")


def content_without_parts(content: Any, beside: JsonObject) -> Any:
    """Return the content of a response all of whose blocks are beside it."""
    return content if isinstance(content, str) else None if "tool_calls" in beside else ""


def beside_content(message: JsonObject, blocks: Mapping[str, list[JsonObject]]) -> JsonObject:
    """Return the calls and the reasoning of a response.

    A signature fits one thought, so there is none for several.
    """
    calls = [*(message.get("tool_calls") or ()), *map(as_call, blocks["tool_use"])]
    thoughts = blocks["thinking"]
    written = {
        "tool_calls": calls,
        "reasoning_content": "\n\n".join(block.get("thinking") or "" for block in thoughts),
        "reasoning_opaque": thoughts[0].get("signature") if len(thoughts) == 1 else None,
    }
    return {field: value for field, value in written.items() if value}


def as_call(block: JsonObject) -> JsonObject:
    """Return Anthropic's call of a tool as chat's; free text is the input of a custom tool."""
    given = block.get("input") or {}
    if isinstance(given, str):
        return {"id": block["id"], "type": "custom", "custom": {"name": block["name"], "input": given}}
    arguments = codec.write(given).decode()
    return {
        "id": block["id"],
        "type": "function",
        "function": {"name": block["name"], "arguments": arguments},
    }


def nested_call(call: Any) -> Any:
    """Return a call of a tool in chat's form, without the numbers that only streams have."""
    if not is_flat_call(call):
        return call
    kind, field = ("custom", "input") if "input" in call else ("function", "arguments")
    id_ = call.get("call_id") or call.get("id")
    return {"id": id_, "type": kind, kind: {"name": call["name"], field: call.get(field) or ""}}


def as_result_message(block: JsonObject) -> JsonObject:
    """Return Anthropic's result of a tool as a message; chat can't say that the tool has failed."""
    content = block.get("content")
    parts = [normalize_part(part) for part in content] if isinstance(content, list) else content or ""
    cached = {key: block[key] for key in ("cache_control",) if key in block}
    result = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": parts} | cached
    return result | {"content": with_error_mark(parts)} if block.get("is_error") else result


def with_error_mark(content: Any) -> Any:
    return (
        [{"type": "text", "text": "Error:"}, *content] if isinstance(content, list) else f"Error: {content}"
    )
