"""Conversion of a Chat Completions body into a `Prompt`."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec.structs import replace

from copilot_bridge.dialects import data_url
from copilot_bridge.dialects.chat.schema import BODY
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Message,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    located,
)
from copilot_bridge.dialects.provider_details import decode_details, decode_reasoning
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

# Fields that no other dialect has and that would change the response if they were left out, with the reason.
REFUSED = {
    "logprobs": "the API that Copilot offers this model through gives no log probabilities",
    "audio": "Copilot's models respond in text",
}

# Optional fields: the response is as valid without them.
DROPPED = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "user",
    "prediction",
    "top_logprobs",
)

# The Copilot CLI sends `validated` to Gemini: the model chooses, and the tools' schemas are enforced.
CHOICES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "validated": "auto",
}

ALLOWED = ("auto", "required")  # modes in which a client may restrict the choice to some of the tools

# Cache breakpoints: Copilot's key on a message or a tool, and the key that Claude's clients use there and on
# parts.
CACHE_CONTROL = "copilot_cache_control"
CACHE_CONTROL_KEYS = (CACHE_CONTROL, "cache_control")


def read_prompt(body: JsonObject) -> Prompt:
    """Read a request body into a prompt.

    :raises InvalidRequest, Unsupported: a field is wrong or can't be translated; the error names it.
    """
    refuse_own_fields(body)
    validate(BODY, body)
    stop = body.get("stop")
    choice, allowed = read_choice(body.get("tool_choice"))
    tools = (read_tool(index, tool) for index, tool in enumerate(body.get("tools") or ()))
    return Prompt(
        model=body["model"],
        messages=tuple(read_messages(body["messages"])),
        tools=tuple(tool for tool in tools if allowed is None or tool.name in allowed),
        tool_choice=choice,
        parallel_tools=body.get("parallel_tool_calls"),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        reasoning_effort=body.get("reasoning_effort"),
        thinking_budget=body.get("thinking_budget"),
        output_format=read_format(body.get("response_format")),
        cache_key=body.get("prompt_cache_key"),
    )


def refuse_own_fields(body: JsonObject) -> None:
    """Refuse fields that only this dialect has.

    :raises Unsupported: the body has one of them.
    """
    for field, reason in REFUSED.items():
        if body.get(field):
            raise Unsupported(f"{field}: {reason}", param=field)


def read_messages(messages: list[JsonObject]) -> Iterator[Message]:
    """Read the messages of a conversation."""
    for index, message in enumerate(messages):
        where, role = f"messages.{index}", message["role"]
        parts = tuple(read_content(f"{where}.content", message.get("content")))
        parts = break_cache_after_last_text(parts) if has_cache_breakpoint(message) else parts
        if role in ("system", "developer"):
            yield Message("system", parts)
        elif role == "user":
            yield Message("user", parts)
        elif role == "tool":
            result = ToolResult(message["tool_call_id"], tuple(result_parts(parts)))
            yield Message("user", (result,))
        elif role == "assistant":
            assistant_parts = (*read_reasoning(message), *parts, *read_refusal(message), *read_calls(message))
            yield Message("assistant", assistant_parts)
        else:
            raise InvalidRequest(f"{where}.role: {role!r} is not known", param=f"{where}.role")


def has_cache_breakpoint(holder: JsonObject) -> bool:
    """Return whether a message, part or tool ends a prompt cache."""
    return any(holder.get(key) for key in CACHE_CONTROL_KEYS)


def break_cache_after_last_text(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Set the cache breakpoint of a whole message on its last text."""
    last = max((index for index, part in enumerate(parts) if isinstance(part, Text)), default=None)
    return tuple(
        replace(part, cache_breakpoint=True) if isinstance(part, Text) and index == last else part
        for index, part in enumerate(parts)
    )


def result_parts(parts: tuple[Part, ...]) -> Iterator[Text | Image | File]:
    """Yield the parts that a tool result can have."""
    yield from (part for part in parts if isinstance(part, Text | Image | File))


def read_reasoning(message: JsonObject) -> tuple[Reasoning, ...]:
    """Read a message's reasoning: one part, or all those that the bridge encoded into one signature."""
    encoded = message.get("reasoning_opaque")
    if thoughts := decode_reasoning(encoded):
        return tuple(Reasoning(text, opaque) for text, opaque in thoughts)
    text = message.get("reasoning_content") or message.get("reasoning_text") or ""
    opaque = decode_details(encoded, "chat")
    return (Reasoning(text, opaque),) if text or opaque else ()


def read_refusal(message: JsonObject) -> tuple[Text, ...]:
    """Read the text in which a model declined to answer.  Such a message has no content."""
    refusal = message.get("refusal")
    return (Text(refusal),) if isinstance(refusal, str) and refusal else ()


def read_calls(message: JsonObject) -> Iterator[ToolCall]:
    """Read a message's tool calls."""
    for call in message.get("tool_calls") or ():
        if call.get("custom"):
            yield ToolCall(call["id"], call["custom"]["name"], call["custom"]["input"], custom=True)
        else:
            function = call["function"]
            yield ToolCall(call["id"], function["name"], function.get("arguments") or "{}")


def read_content(where: str, content: Any) -> Iterator[Part]:
    """Read a message's content."""
    if isinstance(content, str):
        yield Text(content)
    for index, part in enumerate(content if isinstance(content, list) else ()):
        read = READ_PART.get(part["type"])
        if read is None:
            raise Unsupported(f"{where}.{index}: {part['type']!r} can't be sent to this model", param=where)
        try:
            yield located(read(part), f"{where}.{index}")
        except ValueError as error:
            raise Unsupported(f"{where}.{index}: {error}", param=f"{where}.{index}") from error


def read_image(part: JsonObject) -> Image:
    """Read an image.  Images given by URL were downloaded before."""
    return Image(*data_url.split(part["image_url"]["url"]))


def read_file(part: JsonObject) -> File:
    file = part["file"]
    return File(*data_url.split(file.get("file_data")), file.get("filename"))


READ_PART: dict[str, Callable[[JsonObject], Part]] = {
    "text": lambda part: Text(part.get("text") or "", has_cache_breakpoint(part)),
    "refusal": lambda part: Text(part.get("refusal") or ""),
    "image_url": read_image,
    "file": read_file,
}


def read_tool(index: int, tool: JsonObject) -> Tool:
    """Read a tool."""
    custom = tool.get("custom")
    definition = custom or tool.get("function") or {}
    if not definition.get("name"):
        raise Unsupported(f"tools.{index}: expected a function with a name", param=f"tools.{index}")
    return Tool(
        name=definition["name"],
        description=definition.get("description") or "",
        schema={} if custom else definition.get("parameters") or {"type": "object", "properties": {}},
        strict=definition.get("strict"),
        custom=bool(custom),
        format=definition.get("format") if custom else None,
        cache_breakpoint=has_cache_breakpoint(tool) or has_cache_breakpoint(definition),
    )


def read_choice(choice: Any) -> tuple[ToolChoice | None, set[str] | None]:
    """Read the tool choice, and the names of the allowed tools, or None if all are allowed."""
    if choice is None:
        return None, None
    if isinstance(choice, str) and choice in CHOICES:
        return ToolChoice(CHOICES[choice]), None
    if isinstance(choice, dict) and (name := tool_name(choice)) is not None:
        return ToolChoice("tool", name), None
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if isinstance(allowed, dict) and allowed.get("mode") in ALLOWED:
        return ToolChoice(allowed["mode"]), set(tool_names(allowed.get("tools")))
    raise InvalidRequest(
        "tool_choice: expected auto, none, required, a function, a custom tool or allowed tools",
        param="tool_choice",
    )


def tool_names(tools: Any) -> Iterator[str]:
    """Yield the names of tools."""
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and (name := tool_name(tool)) is not None:
            yield name


def tool_name(tool: JsonObject) -> str | None:
    """Return the name of a function or a custom tool, or None."""
    inner = next((tool[kind] for kind in ("function", "custom") if isinstance(tool.get(kind), dict)), None)
    name = inner.get("name") if inner else None
    return name if isinstance(name, str) else None


def read_format(response_format: Any) -> OutputFormat | None:
    """Read the response format."""
    if not response_format or response_format["type"] == "text":
        return None
    described = response_format.get("json_schema") or {}
    return OutputFormat(described.get("schema"), described.get("name") or "output", described.get("strict"))
