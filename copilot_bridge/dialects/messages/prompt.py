"""Conversion between a Messages body and a `Prompt`."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.messages.client_tools import CLIENT_TOOLS, SERVER_TOOL
from copilot_bridge.dialects.messages.schema import BODY
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
    text_of,
)
from copilot_bridge.dialects.provider_details import decode_details
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}
WRITE_CHOICE = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}

# Claude Code begins the system prompt with billing data, which no model needs and which changes each time.
BILLING = "x-anthropic-billing-header:"

# The id of a conversation in Claude Code's `user_id`: in plain text, and in JSON since 2.1.
SESSION = re.compile(r'(?:_session_|"session_id": ?")([\w-]{1,64})')

DEFAULT_MAX_TOKENS = 32_000
MAX_TEMPERATURE = 1.0  # OpenAI's models take up to 2
MIN_THINKING_BUDGET = 1_024
EPHEMERAL = {"type": "ephemeral"}

# Wraps a system message in the middle of a conversation, for models that take one only at its start.
SYSTEM_NOTE = "<system-reminder>\n{}\n</system-reminder>"

# Introduces the summary that replaces earlier messages.
SUMMARY = "Summary of the conversation so far:\n{}"

# Asks for any JSON object, for which Messages have no setting.
ANY_OBJECT = "Answer with a JSON object and nothing else."


def read_prompt(body: JsonObject) -> Prompt:
    """Read a request body into a prompt.

    Left out, because they are optional: the rest of `metadata`, `top_k`, `context_management`, server tools
    and `defer_loading`.

    :raises InvalidRequest, Unsupported: a field is wrong or can't be translated; the error names it.
    """
    validate(BODY, body)
    choice = body.get("tool_choice") or {}
    config = body.get("output_config") or {}
    thinking = body.get("thinking") or {}
    disabled = thinking.get("type") == "disabled"
    return Prompt(
        model=body["model"],
        messages=(*read_system(body.get("system")), *read_messages(body["messages"])),
        tools=tuple(read_tools(body.get("tools") or ())),
        tool_choice=read_choice(choice),
        parallel_tools=False if choice.get("disable_parallel_tool_use") else None,
        max_tokens=body.get("max_tokens"),
        temperature=None if thinking and not disabled else body.get("temperature"),
        top_p=body.get("top_p"),
        stop=tuple(body.get("stop_sequences") or ()),
        reasoning_effort=None if disabled else config.get("effort"),
        thinking_budget=read_budget(thinking),
        output_format=read_format(config.get("format")),
        cache_key=read_session(body.get("metadata")),
    )


def read_session(metadata: Any) -> str | None:
    """Read the id of the conversation, by which a model without cache breakpoints finds its prompt cache."""
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    found = SESSION.search(user_id) if isinstance(user_id, str) else None
    return found[1] if found else None


def read_budget(thinking: JsonObject) -> int | None:
    """Read the thinking budget.  0: thinking is off."""
    budget: int | None = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled" and budget is not None:
        return budget if budget >= MIN_THINKING_BUDGET else 0
    return 0 if thinking.get("type") == "disabled" else None


def read_system(system: Any) -> Iterator[Message]:
    """Read the system prompt without Claude Code's billing data."""
    if isinstance(system, str) and system:
        yield Message("system", (Text(system),))
    elif system:
        texts = (read_text(block) for block in system if block.get("text"))
        yield Message("system", tuple(text for text in texts if not text.text.startswith(BILLING)))


def read_messages(messages: list[JsonObject]) -> Iterator[Message]:
    """Read the messages from the last summary on, as Anthropic does."""
    first = max((index for index, message in enumerate(messages) if has_summary(message)), default=0)
    for index, message in enumerate(messages[first:], first):
        content = message["content"]
        if isinstance(content, str):
            yield Message(message["role"], (Text(content),))
        else:
            where = f"messages.{index}.content"
            parts = [
                part
                for position, block in enumerate(content)
                for part in read_block(f"{where}.{position}", block)
            ]
            yield Message(message["role"], tuple(parts))


def has_summary(message: JsonObject) -> bool:
    """Whether a message has a summary of everything before it."""
    content = message["content"]
    return isinstance(content, list) and any(
        block["type"] == "compaction" and block.get("content") for block in content
    )


def read_block(where: str, block: JsonObject) -> Iterator[Part]:
    """Read a content block into a part, or into nothing if it is ignored."""
    if block["type"] in IGNORED:
        return
    read = READ_BLOCK.get(block["type"])
    if read is None:
        raise Unsupported(f"{where}: {block['type']!r} can't be sent to this model", param=where)
    try:
        yield read(block)
    except ValueError as error:
        raise Unsupported(f"{where}: {error}", param=where) from error


# Blocks of server tools in earlier turns: the text after them tells the result.
IGNORED = ("server_tool_use", "web_search_tool_result", "tool_search_tool_result")


def read_text(block: JsonObject) -> Text:
    return Text(block.get("text") or "", bool(block.get("cache_control")))


def read_image(block: JsonObject) -> Image:
    return Image(block["source"]["media_type"], block["source"]["data"])


def read_document(block: JsonObject) -> Text | File:
    """Read a document.

    :raises ValueError: its content is not in the request.
    """
    source = block["source"]
    description = (block.get("title"), block.get("context"))
    if source["type"] == "text":
        return Text("\n".join(filter(None, (*description, source["data"]))))
    if source["type"] == "content":
        content = source["content"]
        text = content if isinstance(content, str) else "\n".join(block_["text"] for block_ in content)
        return Text("\n".join(filter(None, (*description, text))))
    if source["type"] != "base64":
        raise ValueError("send the document's content, since the bridge downloads no documents")
    return File(source["media_type"], source["data"], *description)


def read_search_result(block: JsonObject) -> Text:
    """Read a search result as text, since only Claude's backends can cite it."""
    texts = (content["text"] for content in block["content"])
    return Text("\n".join((block["title"], block["source"], *texts)), bool(block.get("cache_control")))


def read_compaction(block: JsonObject) -> Text:
    """Read the summary of earlier messages; empty if the compaction failed."""
    summary = block.get("content")
    return Text(SUMMARY.format(summary) if summary else "")


def read_thinking(block: JsonObject) -> Reasoning:
    return Reasoning(block.get("thinking") or "", decode_details(block.get("signature"), "messages"))


def read_redacted(block: JsonObject) -> Reasoning:
    return Reasoning("", {"redacted": block["data"]})


def read_call(block: JsonObject) -> ToolCall:
    return ToolCall(block["id"], block["name"], codec.write(block.get("input") or {}).decode())


def read_result(block: JsonObject) -> ToolResult:
    """Read the result of a tool."""
    content = block.get("content")
    parts = [Text(content)] if isinstance(content, str) else [read_shown(shown) for shown in content or ()]
    return ToolResult(block["tool_use_id"], tuple(parts), bool(block.get("is_error")))


def read_shown(block: JsonObject) -> Text | Image | File:
    """Read a block of a tool's result."""
    if (
        block["type"] == "tool_reference"
    ):  # only Claude's backends know this block; the tool itself is in the request
        return Text(f"The tool {block['tool_name']} is available now.")
    read = READ_SHOWN.get(block["type"])
    if read is None:
        raise ValueError(f"{block['type']!r} in the result of a tool can't be sent to this model")
    return read(block)


# Blocks that may also be in the result of a tool.
READ_SHOWN: dict[str, Callable[[JsonObject], Text | Image | File]] = {
    "text": read_text,
    "image": read_image,
    "document": read_document,
    "search_result": read_search_result,
}
READ_BLOCK: dict[str, Callable[[JsonObject], Part]] = {
    **READ_SHOWN,
    "thinking": read_thinking,
    "redacted_thinking": read_redacted,
    "compaction": read_compaction,
    "tool_use": read_call,
    "tool_result": read_result,
}


def read_tools(tools: Iterable[JsonObject]) -> Iterator[Tool]:
    """Read the tools that the client runs.

    :raises Unsupported: a tool is of an unknown type.
    """
    for index, tool in enumerate(tools):
        kind = str(tool.get("type") or "custom")
        if tool.get("input_schema") is not None:
            yield read_tool(tool, tool.get("description"), tool["input_schema"])
        elif known := CLIENT_TOOLS.get(kind):
            yield read_tool(tool, *known(tool))
        elif not SERVER_TOOL.fullmatch(kind):
            raise Unsupported(
                f"tools.{index}: {kind!r} can't be offered to this model", param=f"tools.{index}"
            )


def read_tool(tool: JsonObject, description: str | None, schema: JsonObject) -> Tool:
    return Tool(
        name=tool["name"],
        description=description or "",
        schema={"type": "object"} | {key: value for key, value in schema.items() if key != "$schema"},
        strict=tool.get("strict"),
        cache_breakpoint=bool(tool.get("cache_control")),
    )


def read_choice(choice: JsonObject) -> ToolChoice | None:
    if not choice:
        return None
    if choice.get("type") not in CHOICES:
        raise InvalidRequest("tool_choice.type: expected auto, any, none or tool", param="tool_choice.type")
    return ToolChoice(CHOICES[choice["type"]], choice.get("name"))  # type: ignore[arg-type]


def read_format(output_format: Any) -> OutputFormat | None:
    return OutputFormat(output_format.get("schema")) if output_format else None


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
UNSUPPORTED_SETTINGS = ("cache_key",)
