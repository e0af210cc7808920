"""A Chat Completions body -> `Prompt`, and back."""

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
from copilot_bridge.dialects.provider_details import decode_details, decode_thoughts
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

# What no other dialect can say, and why leaving it out would change the answer.
REFUSED = {
    "logprobs": "the API that Copilot offers this model through gives no log probabilities",
    "functions": "functions are an old form of tools: send tools",
    "audio": "Copilot's models answer in text",
}
# What only advises: the answer is as valid without it.
DROPPED = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "user",
    "prediction",
    "top_logprobs",
)

# `validated`, which the Copilot CLI says to Gemini: the model chooses, by the tools' schemas.
CHOICES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "validated": "auto",
}
ALLOWED = ("auto", "required")  # modes of a choice among some of the tools

# The end of a prompt cache: Copilot's word for it, on a message or a tool, and what clients of Claude's
# models say there and on parts.
MARK = "copilot_cache_control"
MARKS = (MARK, "cache_control")
EPHEMERAL = {"type": "ephemeral"}

# Where Gemini's signature of a call stands; or in its function.
EXTRA = "extra_content"


def read_prompt(body: JsonObject) -> Prompt:
    """Raises InvalidRequest or Unsupported, naming the field."""
    for field, reason in REFUSED.items():
        if body.get(field):
            raise Unsupported(f"{field}: {reason}", param=field)
    validate(BODY, body)
    stop = body.get("stop")
    choice, only = read_choice(body.get("tool_choice"))
    tools = (read_tool(index, tool) for index, tool in enumerate(body.get("tools") or ()))
    return Prompt(
        model=body["model"],
        messages=tuple(read_messages(body["messages"])),
        tools=tuple(tool for tool in tools if only is None or tool.name in only),
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
    for index, message in enumerate(messages):
        where, role = f"messages.{index}", message["role"]
        parts = tuple(read_content(f"{where}.content", message.get("content")))
        parts = mark_last_text(parts) if is_marked(message) else parts
        if role in ("system", "developer"):
            yield Message("system", parts)
        elif role == "user":
            yield Message("user", parts)
        elif role == "tool":
            result = ToolResult(message["tool_call_id"], tuple(only_shown(parts)))
            yield Message("user", (result,))
        elif role == "assistant":
            said = (*read_reasoning(message), *parts, *read_refusal(message), *read_calls(message))
            yield Message("assistant", said)
        else:
            raise InvalidRequest(f"{where}.role: {role!r} is not known", param=f"{where}.role")


def is_marked(given: JsonObject) -> bool:
    return any(given.get(mark) for mark in MARKS)


def mark_last_text(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """What holds for a message holds up to the end of it."""
    last = max((place for place, part in enumerate(parts) if isinstance(part, Text)), default=None)
    return tuple(
        replace(part, cache_breakpoint=True) if isinstance(part, Text) and place == last else part
        for place, part in enumerate(parts)
    )


def only_shown(parts: tuple[Part, ...]) -> Iterator[Text | Image | File]:
    yield from (part for part in parts if isinstance(part, Text | Image | File))


def read_reasoning(message: JsonObject) -> tuple[Reasoning, ...]:
    given = message.get("reasoning_opaque")
    if thoughts := decode_thoughts(given):
        return tuple(Reasoning(text, opaque) for text, opaque in thoughts)
    text = message.get("reasoning_content") or message.get("reasoning_text") or ""
    opaque = decode_details(given, "chat")
    return (Reasoning(text, opaque),) if text or opaque else ()


def read_refusal(message: JsonObject) -> tuple[Text, ...]:
    """Where an answer was given as it came: a model that would not said so here, and no content."""
    refusal = message.get("refusal")
    return (Text(refusal),) if isinstance(refusal, str) and refusal else ()


def read_calls(message: JsonObject) -> Iterator[ToolCall]:
    for call in message.get("tool_calls") or ():
        if call.get("custom"):
            yield ToolCall(call["id"], call["custom"]["name"], call["custom"]["input"], custom=True)
        else:
            function = call["function"]
            yield ToolCall(call["id"], function["name"], function.get("arguments") or "{}")


def read_content(where: str, content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        yield Text(content)
    for place, part in enumerate(content if isinstance(content, list) else ()):
        read = READ_PART.get(part["type"])
        if read is None:
            raise Unsupported(f"{where}.{place}: {part['type']!r} can't be sent to this model", param=where)
        try:
            yield read(part)
        except ValueError as error:
            raise Unsupported(f"{where}.{place}: {error}", param=f"{where}.{place}") from error


def read_image(part: JsonObject) -> Image:
    """Addresses have been fetched before."""
    return Image(*data_url.split(part["image_url"]["url"]))


def read_file(part: JsonObject) -> File:
    file = part["file"]
    return File(*data_url.split(file.get("file_data")), file.get("filename"))


READ_PART: dict[str, Callable[[JsonObject], Part]] = {
    "text": lambda part: Text(part.get("text") or "", is_marked(part)),
    "refusal": lambda part: Text(part.get("refusal") or ""),
    "image_url": read_image,
    "file": read_file,
}


def read_tool(index: int, tool: JsonObject) -> Tool:
    custom = tool.get("custom")
    given = custom or tool.get("function") or {}
    if not given.get("name"):
        raise Unsupported(f"tools.{index}: expected a function with a name", param=f"tools.{index}")
    return Tool(
        name=given["name"],
        description=given.get("description") or "",
        schema={} if custom else given.get("parameters") or {"type": "object", "properties": {}},
        strict=given.get("strict"),
        custom=bool(custom),
        format=given.get("format") if custom else None,
        cache_breakpoint=is_marked(tool) or is_marked(given),
    )


def read_choice(choice: Any) -> tuple[ToolChoice | None, set[str] | None]:
    """And the names of the only tools that are allowed; None: all of them."""
    if choice is None:
        return None, None
    if isinstance(choice, str) and choice in CHOICES:
        return ToolChoice(CHOICES[choice]), None
    if isinstance(choice, dict) and (name := name_of(choice)) is not None:
        return ToolChoice("tool", name), None
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if isinstance(allowed, dict) and allowed.get("mode") in ALLOWED:
        return ToolChoice(allowed["mode"]), set(named(allowed.get("tools")))
    raise InvalidRequest(
        "tool_choice: expected auto, none, required, a function, a custom tool or allowed tools",
        param="tool_choice",
    )


def named(tools: Any) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and (name := name_of(tool)) is not None:
            yield name


def name_of(tool: JsonObject) -> str | None:
    """Of a function or a custom tool; None: it has none."""
    inner = next((tool[kind] for kind in ("function", "custom") if isinstance(tool.get(kind), dict)), None)
    name = inner.get("name") if inner else None
    return name if isinstance(name, str) else None


def read_format(given: Any) -> OutputFormat | None:
    if not given or given["type"] == "text":
        return None
    told = given.get("json_schema") or {}
    return OutputFormat(told.get("schema"), told.get("name") or "output", told.get("strict"))


def write_prompt(prompt: Prompt) -> JsonObject:
    """A body for a model that Copilot offers through Chat Completions."""
    messages = results_first(message for each in prompt.messages for message in write_message(each))
    given = {name: write(prompt) for name, write in SETTINGS.values()}
    said = {name: value for name, value in given.items() if value is not None}
    return {"model": prompt.model, "messages": list(messages), "stream": True} | said


def results_first(messages: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """The results of calls have to stand directly behind them: what was said in between follows."""
    held: list[JsonObject] = []
    waiting: set[str] = set()  # ids of calls without a result
    for message in messages:
        if message["role"] == "assistant":
            yield from held
            held, waiting = [], {call["id"] for call in message.get("tool_calls") or ()}
        elif message["role"] == "tool":
            waiting.discard(message["tool_call_id"])
        elif waiting:
            held.append(message)
            continue
        yield message
        if not waiting:
            yield from held
            held = []
    yield from held


def write_message(message: Message) -> Iterator[JsonObject]:
    if message.role == "assistant":
        yield write_assistant(message)
        return
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    yield from map(WRITE_MESSAGE[ToolResult], results)  # they have to stand directly behind the calls
    shown = [part for result in results for part in pictures_of(result)]
    others = (*shown, *(part for part in message.parts if not isinstance(part, ToolResult)))
    if others:
        yield {"role": message.role, "content": write_content(others)} | write_mark(others)


def write_assistant(message: Message) -> JsonObject:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    written: JsonObject = {"role": "assistant", "content": text}
    for kind, write in WRITE_BESIDE.items():
        written |= write([part for part in message.parts if isinstance(part, kind)])
    if "tool_calls" in written:
        sign_calls(message.parts, written["tool_calls"])
        written["content"] = text or None
    return written | write_mark(message.parts)


def write_calls(calls: list[ToolCall]) -> JsonObject:
    return {"tool_calls": [write_call(call) for call in calls]} if calls else {}


def sign_calls(parts: tuple[Part, ...], calls: list[JsonObject]) -> None:
    """Gemini wants its signatures again with the calls that they stood before."""
    remaining, signature = iter(calls), JsonObject()
    for part in parts:
        if isinstance(part, Reasoning):
            signature = part.provider_details.get("google") or signature
        elif isinstance(part, ToolCall):
            call = next(remaining)
            call |= {key: goods for key, goods in signature.items() if key == EXTRA}
            call["function"] |= {key: goods for key, goods in signature.items() if key != EXTRA}
            signature = {}


def write_thoughts(thoughts: list[Reasoning]) -> JsonObject:
    """Without its signature nobody wants to see a thought again.  There is room for one, with its own text:
    a signature does not fit two thoughts joined.
    """
    signed = next((part for part in thoughts if part.provider_details.get("chat")), None)
    return (
        {"reasoning_text": signed.text, "reasoning_opaque": signed.provider_details["chat"]} if signed else {}
    )


def write_call(call: ToolCall) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def write_result(result: ToolResult) -> JsonObject:
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    shown = f"Error: {text}" if result.is_error else text
    return {"role": "tool", "tool_call_id": result.id, "content": shown} | write_mark(result.parts)


def pictures_of(result: ToolResult) -> list[Text | Image | File]:
    """They can't stand in a tool's message: they follow as the user's."""
    pictures = [part for part in result.parts if not isinstance(part, Text)]
    return [Text(f"What the tool gave (call {result.id}):"), *pictures] if pictures else []


def write_content(parts: tuple[Any, ...]) -> str | list[JsonObject]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [WRITE_PART[type(part)](part) for part in parts]


def write_text(part: Text) -> JsonObject:
    return {"type": "text", "text": part.text}


def write_mark(parts: Iterable[Part]) -> JsonObject:
    """It holds for a whole message."""
    return (
        {MARK: EPHEMERAL} if any(isinstance(part, Text) and part.cache_breakpoint for part in parts) else {}
    )


def write_image(part: Image) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def write_file(part: File) -> JsonObject:
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": data}}


# Each kind of part stands in one of these: in a message's content, beside it, or as a message of its own.
WRITE_PART: dict[type, Callable[[Any], JsonObject]] = {Text: write_text, Image: write_image, File: write_file}
WRITE_BESIDE: dict[type, Callable[[Any], JsonObject]] = {ToolCall: write_calls, Reasoning: write_thoughts}
WRITE_MESSAGE: dict[type, Callable[[Any], JsonObject]] = {ToolResult: write_result}


def write_tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function} | ({MARK: EPHEMERAL} if tool.cache_breakpoint else {})


def write_choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "tool" else choice.mode


def write_format(answer: OutputFormat) -> JsonObject:
    if answer.schema is None:
        return {"type": "json_object"}
    told = {"name": answer.name, "schema": answer.schema, "strict": answer.strict}
    kept = {name: value for name, value in told.items() if value is not None}
    return {"type": "json_schema", "json_schema": kept}


# A prompt's fields: what each is called here, and how it is said.
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
# Those that Copilot has no word for here.  They only advise.
UNSUPPORTED_SETTINGS = ("cache_key",)
