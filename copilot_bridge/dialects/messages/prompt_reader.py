"""Conversion of a Messages body into a `Prompt`."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.messages.client_tools import CLIENT_TOOLS
from copilot_bridge.dialects.messages.schema import BODY
from copilot_bridge.dialects.messages.server_tools import READ_SERVER_BLOCK
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
from copilot_bridge.dialects.provider_details import decode_details
from copilot_bridge.dialects.server_tools.texts import CARRIED
from copilot_bridge.dialects.tool_catalogue import history_types, hosted_tool
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}

# Claude Code begins the system prompt with billing data, which no model needs and which changes each time.
BILLING = "x-anthropic-billing-header:"

# The id of a conversation in Claude Code's `user_id`: in plain text, and in JSON since 2.1.
SESSION = re.compile(r'(?:_session_|"session_id": ?")([\w-]{1,64})')
MIN_THINKING_BUDGET = 1_024

# Introduces the summary that replaces earlier messages.
SUMMARY = "Summary of the conversation so far:\n{}"


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
    """Return whether a message has a summary of everything before it."""
    content = message["content"]
    return isinstance(content, list) and any(
        block["type"] == "compaction" and block.get("content") for block in content
    )


def read_block(where: str, block: JsonObject) -> Iterator[Part]:
    """Read a content block into its parts, or into nothing if it is ignored."""
    if block["type"] in IGNORED:
        return
    for place, inner in opened(where, block):
        read = READ_BLOCK.get(inner["type"])
        if read is None:
            raise Unsupported(f"{place}: {inner['type']!r} can't be sent to this model", param=place)
        try:
            yield located(read(inner), place)
        except ValueError as error:
            raise Unsupported(f"{place}: {error}", param=place) from error


def opened(where: str, block: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield (location, block) for a block, or for all that is in a document with more than texts.

    Only Claude's backends take such a document.
    """
    source = block.get("source") if block["type"] == "document" else None
    content = source["content"] if source and source["type"] == "content" else ""
    if isinstance(content, str) or all(map(is_text_block, content)):
        yield where, block
        return
    if description := "\n".join(filter(None, description_of(block))):
        yield where, {"type": "text", "text": description}
    for index, inner in enumerate(content):
        yield f"{where}.source.content.{index}", {"type": "text", **inner}


def is_text_block(block: JsonObject) -> bool:
    return block.get("type") in (None, "text")


def description_of(document: JsonObject) -> tuple[str | None, str | None]:
    """Return the title and the context of a document."""
    return document.get("title"), document.get("context")


# Blocks of server tools in earlier turns, which have no form that a model could read.
IGNORED = tuple(kind for kind in history_types("messages") if kind not in READ_SERVER_BLOCK)


def read_text(block: JsonObject) -> Text:
    return Text(block.get("text") or "", bool(block.get("cache_control")))


def read_image(block: JsonObject) -> Image:
    return Image(block["source"]["media_type"], block["source"]["data"])


def read_document(block: JsonObject) -> Text | File:
    """Read a document.

    :raises ValueError: its content is not in the request.
    """
    source = block["source"]
    description = description_of(block)
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
    parts = (
        [Text(content)]
        if isinstance(content, str)
        else [read_shown(inner) for shown in content or () for _where, inner in opened("", shown)]
    )
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


def server_block_reader(read: Callable[[JsonObject], str]) -> Callable[[JsonObject], Part]:
    """Return a reader of blocks of a server tool: what they say is carried to the model."""
    return lambda block: Reasoning("", {CARRIED: read(block)})


READ_BLOCK: dict[str, Callable[[JsonObject], Part]] = {
    **READ_SHOWN,
    **{kind: server_block_reader(read) for kind, read in READ_SERVER_BLOCK.items()},
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
        elif not hosted_tool("messages", kind):
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
