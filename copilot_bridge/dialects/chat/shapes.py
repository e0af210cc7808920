"""Chat Completions bodies with parts in the forms of Responses and Messages, which get chat's own form.

Clients that were written for several APIs send such parts to this one: flat tools as in Responses,
Anthropic's tools and content blocks, and settings under the names of either.  Cursor sends all of them,
depending on the model's name (seen by several proxies, 2026).  Whatever has no known form is left to the
validators.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.validation import (
    LIST,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    list_of,
    object_of,
    predicate,
    string_or_list_of,
)

TYPED = object_of({"type": STRING})
TEXT = object_of({"text": STRING})
SOURCE = object_of(optional={"type": STRING, "media_type": STRING, "data": STRING, "url": STRING})
INPUT = predicate("an object or a string", lambda value: isinstance(value, dict | str), {})

# Parts and blocks of the other APIs.
BLOCKS: Validators = {
    "tool_use": object_of({"id": STRING, "name": STRING}, optional={"input": INPUT}),
    "tool_result": object_of({"tool_use_id": STRING}, optional={"content": string_or_list_of(TYPED)}),
    "thinking": object_of(optional={"thinking": STRING, "signature": STRING}),
    "redacted_thinking": OBJECT,
    "image": object_of({"source": SOURCE}),
    "document": object_of({"source": SOURCE}, optional={"title": STRING}),
    "input_text": TEXT,
    "output_text": TEXT,
    "input_image": object_of({"image_url": STRING}),
    "input_file": object_of({"file_data": STRING}, optional={"filename": STRING}),
}


# The effort for OpenRouter's `enabled`.  https://openrouter.ai/docs/use-cases/reasoning-tokens
DEFAULT_EFFORT = "medium"

# Its choice among providers, which are none of the model's settings.
ANYTHING = predicate("anything", lambda _value: True, {})


def as_responses_body(body: JsonObject) -> JsonObject | None:
    """Return a body of Responses, which has an `input`, or items in the place of messages; else None."""
    messages = body.get("messages")
    if messages is None:
        return body if "input" in body else None
    if not isinstance(messages, list) or not has_items(messages):
        return None
    return {key: value for key, value in body.items() if key != "messages"} | {"input": messages}


def has_items(messages: list[Any]) -> bool:
    return any(
        "role" not in message and isinstance(message.get("type"), str)
        for message in messages
        if isinstance(message, dict)
    )


def normalize(body: JsonObject) -> bool:
    """Give a body chat's form, in place.  Returns whether anything changed.

    :raises InvalidRequest: a part in another API's form is wrong; the error names it.
    """
    changed = False
    for name in FIELDS.keys() & body.keys():
        changed |= move_setting(body, name)
    changed |= normalize_tools(body)
    changed |= normalize_choice(body)
    messages = body.get("messages")
    if isinstance(messages, list):
        system = [message for name in SYSTEM_FIELDS for message in take_system(body, name)]
        if system or any(map(has_foreign_parts, messages)):
            body["messages"] = [*system, *normalize_messages("messages", messages)]
            return True
    return changed


# Settings: under the names of the other APIs.


def move_setting(body: JsonObject, name: str) -> bool:
    """Write a setting of another API as chat's, which counts if it is there, too."""
    validator, write = FIELDS[name]
    if body[name] is None:
        return False
    validator.check(name, body[name])
    written = write(body[name])
    if written is None:
        return False
    del body[name]
    body |= {field: value for field, value in written.items() if value is not None and not body.get(field)}
    return True


def write_text_settings(text: JsonObject) -> JsonObject:
    return {"response_format": nested_format(text.get("format")), "verbosity": text.get("verbosity")}


def write_output_config(config: JsonObject) -> JsonObject:
    return {"reasoning_effort": config.get("effort"), "response_format": nested_format(config.get("format"))}


def nested_format(format_: Any) -> Any:
    """Return the format of the output with its schema where chat has it."""
    if not isinstance(format_, dict) or format_.get("type") != "json_schema" or "json_schema" in format_:
        return format_
    inner = {key: value for key, value in format_.items() if key != "type"}
    return {"type": "json_schema", "json_schema": {"name": "output"} | inner}


def write_thinking(thinking: JsonObject) -> JsonObject | None:
    """Write Anthropic's thinking if it has a budget; what else there is may be meant for the model."""
    budget = thinking.get("budget_tokens")
    return {"thinking_budget": budget} if budget and thinking.get("type") == "enabled" else None


def write_reasoning(reasoning: JsonObject) -> JsonObject:
    """Write Responses' reasoning, or OpenRouter's, which may have a budget or only be enabled."""
    budget = reasoning.get("max_tokens")
    default = DEFAULT_EFFORT if reasoning.get("enabled") and not budget else None
    return {"reasoning_effort": reasoning.get("effort") or default, "thinking_budget": budget}


def write_usage(usage: JsonObject) -> JsonObject:
    return {"stream_options": {"include_usage": True} if usage.get("include") else None}


def write_nothing(_value: Any) -> JsonObject:
    """Leave out what changes no response in chat's form."""
    return {}


# A setting's name -> what it has to be, and what writes it as chat's fields.  None: it stays.
FIELDS: Mapping[str, tuple[Validator, Callable[[Any], JsonObject | None]]] = {
    "stop_sequences": (list_of(STRING), lambda value: {"stop": value}),
    "max_output_tokens": (POSITIVE, lambda value: {"max_completion_tokens": value}),
    "reasoning": (object_of({}, {"max_tokens": POSITIVE}), write_reasoning),
    "text": (OBJECT, write_text_settings),
    "output_config": (OBJECT, write_output_config),
    "thinking": (OBJECT, write_thinking),
    "include": (LIST, write_nothing),
    "truncation": (STRING, write_nothing),
    "usage": (OBJECT, write_usage),
    **dict.fromkeys(("provider", "transforms", "route", "models"), (ANYTHING, write_nothing)),
}

SYSTEM = string_or_list_of(TEXT)
SYSTEM_FIELDS = ("instructions", "system")


def take_system(body: JsonObject, name: str) -> list[JsonObject]:
    """Take the system prompt from a field of its own, and return it as a message."""
    text = body.pop(name, None)
    if not text:
        return []
    SYSTEM.check(name, text)
    return [{"role": "system", "content": text}]


# Tools: nested as in chat, flat as in Responses, or Anthropic's.


def normalize_tools(body: JsonObject) -> bool:
    tools = body.get("tools")
    nested = [nested_tool(tool) for tool in tools] if isinstance(tools, list) else tools
    if nested == tools:
        return False
    body["tools"] = nested
    return True


def nested_tool(tool: Any) -> Any:
    """Return a tool in chat's form.  The tools that a server runs stay as they are."""
    if not isinstance(tool, dict) or "function" in tool or isinstance(tool.get("custom"), dict):
        return tool
    kind = tool.get("type")
    if not isinstance(tool.get("name"), str):
        return tool
    if isinstance(tool.get("input_schema"), dict):
        schema: JsonObject = {"parameters": tool["input_schema"]}
        return wrap_tool("function", tool, ("description", "strict"), schema)
    if kind == "custom":
        format_ = {"format": nested_grammar(tool["format"])} if isinstance(tool.get("format"), dict) else {}
        return wrap_tool("custom", tool, ("description",), format_)
    return wrap_tool("function", tool, FUNCTION_FIELDS, {}) if kind in ("function", None) else tool


FUNCTION_FIELDS = ("description", "strict", "parameters")


def wrap_tool(kind: str, tool: JsonObject, fields: tuple[str, ...], more: JsonObject) -> JsonObject:
    """Return a tool of a kind, with those of its fields that it has."""
    inner = {"name": tool["name"]} | {field: tool[field] for field in fields if tool.get(field) is not None}
    cached = {key: tool[key] for key in ("cache_control",) if key in tool}
    return {"type": kind, kind: inner | more, **cached}


def nested_grammar(format_: JsonObject) -> JsonObject:
    if format_.get("type") != "grammar" or "grammar" in format_:
        return format_
    return {"type": "grammar", "grammar": {key: value for key, value in format_.items() if key != "type"}}


# The words of the other APIs for a choice.
CHOICES: Mapping[str | None, str] = {
    "any": "required",
    "required": "required",
    "auto": "auto",
    "none": "none",
}
NAMED = ("tool", "function", "custom")


def normalize_choice(body: JsonObject) -> bool:
    choice = body.get("tool_choice")
    if choice == "any":
        body["tool_choice"] = "required"
        return True
    if not isinstance(choice, dict) or choice.keys() & {*NAMED, "allowed_tools"}:
        return False
    if choice.get("disable_parallel_tool_use"):
        body["parallel_tool_calls"] = False
    kind, name = kind_of(choice), choice.get("name")
    if kind in CHOICES:
        body["tool_choice"] = CHOICES[kind]
    elif kind in NAMED and isinstance(name, str):
        body["tool_choice"] = named_choice(body, name)
    elif kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        tools = [nested_tool(tool) for tool in choice["tools"]]
        allowed = {"mode": choice.get("mode") or "auto", "tools": tools}
        body["tool_choice"] = {"type": kind, kind: allowed}
    return bool(body["tool_choice"] != choice)


def named_choice(body: JsonObject, name: str) -> JsonObject:
    """Choose a tool, which may be a custom one whatever the client says."""
    tools = body.get("tools")
    customs = [
        tool["custom"].get("name")
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict) and isinstance(tool.get("custom"), dict)
    ]
    kind = "custom" if name in customs else "function"
    return {"type": kind, kind: {"name": name}}


# Messages: Anthropic's blocks and Responses' parts in their content, and flat tool calls.


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


def kind_of(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else None


def check_blocks(where: str, parts: list[Any]) -> None:
    for index, part in enumerate(parts):
        if kind_of(part) in BLOCKS:
            BLOCKS[part["type"]].check(f"{where}.{index}", part)


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


def normalize_part(part: Any) -> Any:
    write = PARTS.get(kind_of(part))
    if write is None:
        return part
    cached = {key: part[key] for key in ("cache_control",) if key in part}
    return write(part) | cached


def write_image(part: JsonObject) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": address_of(part["source"])}}


def address_of(source: JsonObject) -> str:
    if source.get("type") == "url":
        return str(source.get("url") or "")
    return f"data:{source.get('media_type')};base64,{source.get('data')}"


def write_document(part: JsonObject) -> JsonObject:
    source = part["source"]
    if source.get("type") == "text":
        return write_text({"text": "\n".join(filter(None, (part.get("title"), source.get("data"))))})
    return write_file({"file_data": address_of(source), "filename": part.get("title")})


def write_file(part: JsonObject) -> JsonObject:
    name = part.get("filename") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": part["file_data"]}}


def write_text(part: JsonObject) -> JsonObject:
    return {"type": "text", "text": part["text"]}


PARTS: Mapping[str | None, Callable[[JsonObject], JsonObject]] = {
    "input_text": write_text,
    "output_text": write_text,
    "input_image": lambda part: {"type": "image_url", "image_url": {"url": part["image_url"]}},
    "image": write_image,
    "document": write_document,
    "input_file": write_file,
}
