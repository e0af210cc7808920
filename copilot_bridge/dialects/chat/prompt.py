"""Conversion between a Chat Completions body and a `Prompt`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

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
    budget_of,
    effort_of,
)
from copilot_bridge.dialects.provider_details import decode_details, decode_reasoning
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

# Fields that no other dialect has and that would change the response if they were left out, with the reason.
REFUSED = {
    "logprobs": "the API that Copilot offers this model through gives no log probabilities",
    "functions": "functions are an old form of tools: send tools",
    "audio": "Copilot's models answer in text",
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
EPHEMERAL = {"type": "ephemeral"}

# The key of Gemini's signature in a tool call.  The signature may also be in the call's function.
EXTRA = "extra_content"


def read_prompt(body: JsonObject) -> Prompt:
    """Read a request body into a prompt.

    :raises InvalidRequest, Unsupported: a field is wrong or can't be translated; the error names it.
    """
    for field, reason in REFUSED.items():
        if body.get(field):
            raise Unsupported(f"{field}: {reason}", param=field)
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
    """Whether a message, part or tool ends a prompt cache."""
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
            yield read(part)
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


def write_prompt(prompt: Prompt) -> JsonObject:
    """Write a body for a model that Copilot offers through Chat Completions."""
    messages = results_first(written for message in prompt.messages for written in write_message(message))
    settings = {name: write(prompt) for name, write in SETTINGS.values()}
    present = {name: value for name, value in settings.items() if value is not None}
    return {"model": prompt.model, "messages": list(messages), "stream": True} | present


def results_first(messages: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Move what stands between tool calls and their results to after the results."""
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
    """Write a message.  Tool results become messages of their own and come first."""
    if message.role == "assistant":
        yield write_assistant(message)
        return
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    yield from map(WRITE_MESSAGE[ToolResult], results)  # they have to follow the calls immediately
    attachments = [part for result in results for part in attachments_of(result)]
    others = (*attachments, *(part for part in message.parts if not isinstance(part, ToolResult)))
    if others:
        yield {"role": message.role, "content": write_content(others)} | write_cache_breakpoint(others)


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
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": data}}


# Where each kind of part is written: in a message's content, beside it, or as a message of its own.
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
UNSUPPORTED_SETTINGS = ("cache_key",)
