"""Conversion of a `Prompt` into a Messages body for Copilot."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Message,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    budget_of,
    effort_of,
    text_of,
)

WRITE_CHOICE = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}
DEFAULT_MAX_TOKENS = 32_000
MAX_TEMPERATURE = 1.0  # OpenAI's models take up to 2
EPHEMERAL = {"type": "ephemeral"}

# Wraps a system message in the middle of a conversation, for models that take one only at its start.
SYSTEM_NOTE = "<system-reminder>\n{}\n</system-reminder>"

# Asks for any JSON object, for which Messages have no setting.
ANY_OBJECT = "Answer with a JSON object and nothing else."


def write_prompt(prompt: Prompt) -> JsonObject:
    """Write a body for a model that Copilot offers through Messages.

    "Any JSON object" is asked for in words, and nothing enforces it.
    """
    leading = next(
        (index for index, message in enumerate(prompt.messages) if message.role != "system"),
        len(prompt.messages),
    )
    system = [
        write_text(part)
        for message in prompt.messages[:leading]
        for part in message.parts
        if isinstance(part, Text)
    ]
    if prompt.output_format and prompt.output_format.schema is None:
        system.append(write_text(Text(ANY_OBJECT)))
    settings = {name: write(prompt) for name, write in SETTINGS.values()} | {"system": system or None}
    present = {name: value for name, value in settings.items() if value is not None}
    if "thinking" in present:
        present.pop("temperature", None)
        present.pop("top_p", None)
    messages = list(merge(write_messages(prompt.messages[leading:])))
    return {
        "model": prompt.model,
        "messages": messages or [{"role": "user", "content": "Go on."}],
        "stream": True,
    } | present


def write_messages(messages: tuple[Message, ...]) -> Iterator[JsonObject]:
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if message.role == "system":
            note = SYSTEM_NOTE.format(text_of(message.parts))
            content = [write_text(Text(note))]
        else:
            content = [block for part in message.parts for block in write_part(part)]
        if content:
            yield {"role": role, "content": content}


def merge(messages: Iterator[JsonObject]) -> Iterator[JsonObject]:
    """Join consecutive messages of one role, with tool results first."""
    merged: JsonObject | None = None
    for message in messages:
        if merged and merged["role"] == message["role"]:
            merged["content"] += message["content"]
            continue
        if merged:
            yield results_first(merged)
        merged = message
    if merged:
        yield results_first(merged)


def results_first(message: JsonObject) -> JsonObject:
    """Move the tool results to the beginning of a user message."""
    content = sorted(message["content"], key=lambda block: block["type"] != "tool_result")
    return message | {"content": content if message["role"] == "user" else message["content"]}


def write_part(part: Part) -> Iterator[JsonObject]:
    yield from WRITE_PART[type(part)](part)


def write_text(part: Text) -> JsonObject:
    return {"type": "text", "text": part.text} | (
        {"cache_control": EPHEMERAL} if part.cache_breakpoint else {}
    )


def write_texts(part: Text) -> list[JsonObject]:
    return [write_text(part)] if part.text else []


def write_image(part: Image) -> list[JsonObject]:
    source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    return [{"type": "image", "source": source}]


def write_file(part: File) -> list[JsonObject]:
    source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.media_type == "text/plain":
        source |= {"type": "text", "data": base64.b64decode(part.data).decode(errors="replace")}
    description = {"title": part.name, "context": part.context}
    return [{"type": "document", "source": source} | {key: text for key, text in description.items() if text}]


def write_reasoning(part: Reasoning) -> list[JsonObject]:
    """Write reasoning that this dialect signed; without its signature no backend takes it."""
    if "redacted" in part.provider_details:
        return [{"type": "redacted_thinking", "data": part.provider_details["redacted"]}]
    if signature := part.provider_details.get("messages"):
        return [{"type": "thinking", "thinking": part.text, "signature": signature}]
    return []


def write_call(part: ToolCall) -> list[JsonObject]:
    return [{"type": "tool_use", "id": part.id, "name": part.name, "input": read_arguments(part.arguments)}]


def read_arguments(arguments: str) -> Any:
    """Parse a tool call's arguments.  Anything but a JSON object is kept as the member "input"."""
    try:
        parsed = codec.read(arguments) if arguments else {}
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"input": arguments}


def write_result(part: ToolResult) -> list[JsonObject]:
    """Write the result of a tool."""
    content = [block for inner in part.parts for block in write_part(inner)]
    block: JsonObject = {"type": "tool_result", "tool_use_id": part.id, "content": content}
    return [block | ({"is_error": True} if part.is_error else {})]


WRITE_PART: dict[type, Callable[[Any], list[JsonObject]]] = {
    Text: write_texts,
    Image: write_image,
    File: write_file,
    Reasoning: write_reasoning,
    ToolCall: write_call,
    ToolResult: write_result,
}


def write_tool(tool: Tool) -> JsonObject:
    written: JsonObject = {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
    return written | ({"cache_control": EPHEMERAL} if tool.cache_breakpoint else {})


def write_choice(prompt: Prompt) -> JsonObject | None:
    if not prompt.tools or (prompt.tool_choice is None and prompt.parallel_tools is not False):
        return None
    choice = prompt.tool_choice or ToolChoice("auto")
    written: JsonObject = {"type": WRITE_CHOICE[choice.mode]}
    if choice.mode == "tool":
        written["name"] = choice.name
    if prompt.parallel_tools is False and choice.mode != "none":
        written["disable_parallel_tool_use"] = True
    return written


def write_temperature(prompt: Prompt) -> float | None:
    temperature = prompt.temperature
    return min(temperature, MAX_TEMPERATURE) if isinstance(temperature, int | float) else temperature


def write_thinking(prompt: Prompt) -> JsonObject | None:
    """Write the thinking budget.  Claude 4.7 and newer show their reasoning only if asked to."""
    budget = budget_of(prompt)
    return {"type": "enabled", "budget_tokens": budget, "display": "summarized"} if budget else None


def write_config(prompt: Prompt) -> JsonObject | None:
    effort = effort_of(prompt)
    config: JsonObject = {"effort": effort} if effort not in (None, "none", "minimal") else {}
    if prompt.output_format and prompt.output_format.schema is not None:
        config["format"] = {"type": "json_schema", "schema": prompt.output_format.schema}
    return config or None


# Each of a prompt's settings: its name in this dialect, and how its value is written.  Some share a field.
SETTINGS: dict[str, tuple[str, Callable[[Prompt], Any]]] = {
    "max_tokens": ("max_tokens", lambda prompt: prompt.max_tokens or DEFAULT_MAX_TOKENS),
    "tools": ("tools", lambda prompt: [write_tool(tool) for tool in prompt.tools] or None),
    "tool_choice": ("tool_choice", write_choice),
    "parallel_tools": ("tool_choice", write_choice),
    "temperature": ("temperature", write_temperature),
    # Claude takes only one of temperature and top_p.
    "top_p": ("top_p", lambda prompt: prompt.top_p if prompt.temperature is None else None),
    "stop": ("stop_sequences", lambda prompt: list(prompt.stop) or None),
    "thinking_budget": ("thinking", write_thinking),
    "reasoning_effort": ("output_config", write_config),
    "output_format": ("output_config", write_config),
}

# Settings that Copilot does not have here.  They are optional.
UNSUPPORTED_SETTINGS = ("cache_key", "gap")
