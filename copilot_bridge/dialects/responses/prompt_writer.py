"""Conversion of a `Prompt` into a Responses body for Copilot."""

from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Message,
    OutputFormat,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    effort_of,
    text_of,
)


def write_prompt(prompt: Prompt) -> JsonObject:
    """Write a body for a model that Copilot offers through Responses."""
    system = prompt.messages[0] if prompt.messages and prompt.messages[0].role == "system" else None
    messages = prompt.messages[1:] if system else prompt.messages
    settings = {"instructions": text_of(system.parts) if system else None}
    settings |= {name: write(prompt) for name, write in SETTINGS.values()}
    present = {name: value for name, value in settings.items() if value is not None}
    items = name_custom_outputs(item for message in messages for item in write_message(message))
    if not items:  # the prompt has nothing but instructions
        items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}]
    return {"model": prompt.model, "input": items, "store": False, "stream": True} | present


def write_message(message: Message) -> Iterator[JsonObject]:
    """Write the items of a message in their order, so that text between two calls stays between them."""
    role = "developer" if message.role == "system" else message.role
    content: list[JsonObject] = []
    for part in message.parts:
        if isinstance(part, Text | Image | File):
            content += write_part(part, role)
            continue
        if content:
            yield {"type": "message", "role": role, "content": content}
            content = []
        yield from WRITE_ITEM[type(part)](part)
    if content:
        yield {"type": "message", "role": role, "content": content}


def name_custom_outputs(items: Iterator[JsonObject]) -> list[JsonObject]:
    """Give the results of custom calls the type of a custom call's output."""
    written = list(items)
    custom = {item["call_id"] for item in written if item["type"] == "custom_tool_call"}
    for item in written:
        if item["type"] == "function_call_output" and item["call_id"] in custom:
            item["type"] = "custom_tool_call_output"
    return written


def write_part(part: Text | Image | File, role: str = "user") -> list[JsonObject]:
    return WRITE_PART[type(part)](part, role)


def write_text(part: Text, role: str) -> list[JsonObject]:
    kind = "output_text" if role == "assistant" else "input_text"
    return [{"type": kind, "text": part.text}] if part.text else []


def write_image(part: Image, _role: str) -> list[JsonObject]:
    return [{"type": "input_image", "image_url": f"data:{part.media_type};base64,{part.data}"}]


def write_file(part: File, _role: str) -> list[JsonObject]:
    data = f"data:{part.media_type};base64,{part.data}"
    return [{"type": "input_file", "filename": part.filename, "file_data": data}]


def write_call(part: ToolCall) -> list[JsonObject]:
    if part.custom:
        call = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
        return [call]
    arguments = part.arguments or "{}"
    return [{"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}]


def write_output(part: ToolResult) -> list[JsonObject]:
    """Write the result of a tool."""
    blocks = [block for inner in part.parts for block in write_part(inner)]
    texts = [block for block in blocks if block["type"] == "input_text"]
    if part.is_error:
        blocks = [{"type": "input_text", "text": "Error:"}, *blocks]
    plain = len(blocks) == len(texts) and not part.is_error
    output: Any = "\n".join(block["text"] for block in texts) if plain else blocks
    return [{"type": "function_call_output", "call_id": part.id, "output": output}]


def write_reasoning(part: Reasoning) -> list[JsonObject]:
    """Write reasoning that this dialect encrypted; no backend takes another's."""
    details = part.provider_details.get("responses")
    if not isinstance(details, dict) or not details.get("encrypted_content"):
        return []
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return [{"type": "reasoning", "summary": summary, **{k: v for k, v in details.items() if v}}]


# The place of each kind of part: in a message, or in an item of its own.
WRITE_PART: dict[type, Callable[[Any, str], list[JsonObject]]] = {
    Text: write_text,
    Image: write_image,
    File: write_file,
}

WRITE_ITEM: dict[type, Callable[[Any], list[JsonObject]]] = {
    ToolCall: write_call,
    ToolResult: write_output,
    Reasoning: write_reasoning,
}


def write_tool(tool: Tool) -> JsonObject:
    common = {"name": tool.name, "description": tool.description}
    if tool.custom:
        return {"type": "custom", **common, **write_grammar(tool.format)}
    return {"type": "function", **common, "parameters": tool.schema, "strict": bool(tool.strict)}


def write_grammar(format_: JsonObject | None) -> JsonObject:
    """Write the format of a custom tool: chat's member "grammar" is part of the format itself here."""
    if not format_:
        return {}
    inner = format_.get("grammar")
    flat = {key: value for key, value in format_.items() if key != "grammar"}
    return {"format": flat | inner if isinstance(inner, dict) else format_}


def write_effort(prompt: Prompt) -> JsonObject:
    """Write the reasoning effort, and ask for summaries, which are sent only on request."""
    effort = effort_of(prompt)
    return {"summary": "auto"} | ({"effort": effort} if effort else {})


def write_choice(prompt: Prompt) -> Any:
    choice = prompt.tool_choice
    if not prompt.tools or not choice or choice.mode != "tool":
        return choice.mode if prompt.tools and choice else None
    custom = any(tool.custom for tool in prompt.tools if tool.name == choice.name)
    return {"type": "custom" if custom else "function", "name": choice.name}


def write_format(output_format: OutputFormat) -> JsonObject:
    if output_format.schema is None:
        return {"type": "json_object"}
    written = {"type": "json_schema", "name": output_format.name, "schema": output_format.schema}
    return written | ({} if output_format.strict is None else {"strict": output_format.strict})


# Each of a prompt's settings: its name in this dialect, and how its value is written.  Some share a field.
SETTINGS: dict[str, tuple[str, Callable[[Prompt], Any]]] = {
    "tools": ("tools", lambda prompt: [write_tool(tool) for tool in prompt.tools] or None),
    "tool_choice": ("tool_choice", write_choice),
    "parallel_tools": ("parallel_tool_calls", lambda prompt: prompt.parallel_tools),
    "max_tokens": ("max_output_tokens", lambda prompt: prompt.max_tokens),
    "reasoning_effort": ("reasoning", write_effort),
    "thinking_budget": ("reasoning", write_effort),
    "output_format": (
        "text",
        lambda prompt: {"format": write_format(prompt.output_format)} if prompt.output_format else None,
    ),
    "cache_key": ("prompt_cache_key", lambda prompt: prompt.cache_key),
}

# Settings that Copilot does not have here.  They are optional.
UNSUPPORTED_SETTINGS = ("temperature", "top_p", "stop", "gap")
