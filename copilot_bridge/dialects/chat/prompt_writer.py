"""Conversion of a `Prompt` into a Chat Completions body for Copilot."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from copilot_bridge.dialects.chat.prompt_reader import CACHE_CONTROL
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
    budget_of,
    effort_of,
)

EPHEMERAL = {"type": "ephemeral"}

# The key of Gemini's signature in a tool call.  The signature may also be in the call's function.
EXTRA = "extra_content"


def write_prompt(prompt: Prompt) -> JsonObject:
    """Write a body for a model that Copilot offers through Chat Completions."""
    messages = results_first(written for message in prompt.messages for written in write_message(message))
    settings = {name: write(prompt) for name, write in SETTINGS.values()}
    present = {name: value for name, value in settings.items() if value is not None}
    return {"model": prompt.model, "messages": list(messages), "stream": True} | present


def results_first(messages: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Move messages between tool calls and their results behind the results."""
    deferred: list[JsonObject] = []
    pending: set[str] = set()  # ids of the calls that have no result yet
    for message in messages:
        if message["role"] == "assistant":
            yield from deferred
            deferred, pending = [], {call["id"] for call in message.get("tool_calls") or ()}
        elif message["role"] == "tool":
            pending.discard(message["tool_call_id"])
        elif pending:
            deferred.append(message)
            continue
        yield message
        if not pending:
            yield from deferred
            deferred = []
    yield from deferred


def write_message(message: Message) -> Iterator[JsonObject]:
    """Write a message.  Tool results become messages of their own and come first.

    Of reasoning alone nothing is left, unless it is signed.
    """
    if message.role == "assistant":
        written = write_assistant(message)
        if written.keys() - {"role", "content"} or not is_thought(message):
            yield written
        return
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    yield from map(WRITE_MESSAGE[ToolResult], results)  # they have to follow the calls immediately
    attachments = [part for result in results for part in attachments_of(result)]
    others = (*attachments, *(part for part in message.parts if not isinstance(part, ToolResult)))
    if others:
        yield {"role": message.role, "content": write_content(others)} | write_cache_breakpoint(others)


def is_thought(message: Message) -> bool:
    return bool(message.parts) and all(isinstance(part, Reasoning) for part in message.parts)


def write_assistant(message: Message) -> JsonObject:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    written: JsonObject = {"role": "assistant", "content": text}
    for kind, write in WRITE_BESIDE.items():
        written |= write([part for part in message.parts if isinstance(part, kind)])
    if "tool_calls" in written:
        sign_calls(message.parts, written["tool_calls"])
        written["content"] = text or None
    return written | write_cache_breakpoint(message.parts)


def write_calls(calls: list[ToolCall]) -> JsonObject:
    return {"tool_calls": [write_call(call) for call in calls]} if calls else {}


def sign_calls(parts: tuple[Part, ...], calls: list[JsonObject]) -> None:
    """Put Gemini's signatures back on the calls that they preceded."""
    unsigned, signature = iter(calls), JsonObject()
    for part in parts:
        if isinstance(part, Reasoning):
            signature = part.provider_details.get("google") or signature
        elif isinstance(part, ToolCall):
            call = next(unsigned)
            call |= {key: value for key, value in signature.items() if key == EXTRA}
            call["function"] |= {key: value for key, value in signature.items() if key != EXTRA}
            signature = {}


def write_reasoning(parts: list[Reasoning]) -> JsonObject:
    """Write a message's reasoning if it is signed; without its signature no backend uses it.

    Only one fits, with its own text: a signature does not match two joined texts.
    """
    signed = next((part for part in parts if part.provider_details.get("chat")), None)
    return (
        {"reasoning_text": signed.text, "reasoning_opaque": signed.provider_details["chat"]} if signed else {}
    )


def write_call(call: ToolCall) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def write_result(result: ToolResult) -> JsonObject:
    """Write a tool result as a message."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    content = f"Error: {text}" if result.is_error else text
    return {"role": "tool", "tool_call_id": result.id, "content": content} | write_cache_breakpoint(
        result.parts
    )


def attachments_of(result: ToolResult) -> list[Text | Image | File]:
    """Return the images and files of a result.

    A tool message can't hold them, so a user message follows it.
    """
    attachments = [part for part in result.parts if not isinstance(part, Text)]
    return [Text(f"What the tool gave (call {result.id}):"), *attachments] if attachments else []


def write_content(parts: tuple[Any, ...]) -> str | list[JsonObject]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [WRITE_PART[type(part)](part) for part in parts]


def write_text(part: Text) -> JsonObject:
    return {"type": "text", "text": part.text}


def write_cache_breakpoint(parts: Iterable[Part]) -> JsonObject:
    """Write the cache breakpoint of a message, which is that of any of its parts."""
    return (
        {CACHE_CONTROL: EPHEMERAL}
        if any(isinstance(part, Text) and part.cache_breakpoint for part in parts)
        else {}
    )


def write_image(part: Image) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def write_file(part: File) -> JsonObject:
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.filename, "file_data": data}}


# The place of each kind of part: in a message's content, beside it, or in a message of its own.
WRITE_PART: dict[type, Callable[[Any], JsonObject]] = {Text: write_text, Image: write_image, File: write_file}
WRITE_BESIDE: dict[type, Callable[[Any], JsonObject]] = {ToolCall: write_calls, Reasoning: write_reasoning}
WRITE_MESSAGE: dict[type, Callable[[Any], JsonObject]] = {ToolResult: write_result}


def write_tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function} | (
        {CACHE_CONTROL: EPHEMERAL} if tool.cache_breakpoint else {}
    )


def write_choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "tool" else choice.mode


def write_format(output_format: OutputFormat) -> JsonObject:
    if output_format.schema is None:
        return {"type": "json_object"}
    described = {"name": output_format.name, "schema": output_format.schema, "strict": output_format.strict}
    present = {name: value for name, value in described.items() if value is not None}
    return {"type": "json_schema", "json_schema": present}


# Each of a prompt's settings: its name in this dialect, and how its value is written.
SETTINGS: dict[str, tuple[str, Callable[[Prompt], Any]]] = {
    "tools": ("tools", lambda prompt: [write_tool(tool) for tool in prompt.tools] or None),
    "tool_choice": ("tool_choice", lambda prompt: prompt.tool_choice and write_choice(prompt.tool_choice)),
    "parallel_tools": ("parallel_tool_calls", lambda prompt: prompt.parallel_tools),
    "max_tokens": ("max_tokens", lambda prompt: prompt.max_tokens),
    "temperature": ("temperature", lambda prompt: prompt.temperature),
    "top_p": ("top_p", lambda prompt: prompt.top_p),
    "stop": ("stop", lambda prompt: list(prompt.stop) or None),
    "reasoning_effort": ("reasoning_effort", effort_of),
    "thinking_budget": ("thinking_budget", lambda prompt: budget_of(prompt) or None),
    "output_format": (
        "response_format",
        lambda prompt: prompt.output_format and write_format(prompt.output_format),
    ),
}

# Settings that Copilot does not have here.  They are optional.
UNSUPPORTED_SETTINGS = ("cache_key", "gap")
