"""Conversion of a Responses body into a `Prompt`.

No other dialect has tools in namespaces.  They become ordinary tools, and `ToolNames` remembers the original
names for the calls in the response.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec.structs import replace

from copilot_bridge.dialects import codec, data_url
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
from copilot_bridge.dialects.provider_details import decode_details, is_foreign
from copilot_bridge.dialects.responses.schema import BODY
from copilot_bridge.dialects.responses.server_tools import read_search_call
from copilot_bridge.dialects.responses.tool_names import (
    NAMESPACE_SEPARATOR,
    ToolNames,
    flatten,
)
from copilot_bridge.dialects.tool_catalogue import ITEMS_WITH_TOOLS, history_types, hosted_tool
from copilot_bridge.dialects.validation import reject, validate
from copilot_bridge.errors import Unsupported

MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
}

# No other dialect has log probabilities, and leaving them out would change the response.
NO_LOGPROBS = "the API that Copilot offers this model through gives no log probabilities"

# Items that mean nothing to another model.
IGNORED = (
    "item_reference",
    "additional_tools",
    *(kind for kind in history_types("responses") if kind != "web_search_call"),
)

# Items that only the model that made them can read, or that ask for such an item.
COMPACTIONS = ("compaction", "compaction_trigger")
NO_COMPACTION = "only models of OpenAI's Responses API can read a compaction: send the conversation itself"

# Calls of OpenAI's built-in tools that the client runs: the tool's name elsewhere, and the field that holds
# the arguments.
LOCAL = {
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "computer_call": ("computer", "action"),  # or `actions`, a list
}
FAILED = ("failed", "incomplete")  # the status of a result


def read_prompt(body: JsonObject, names: ToolNames) -> Prompt:
    """Read a request body into a prompt.

    :param names: filled with the original names of the tools.
    :raises InvalidRequest, Unsupported: a field is wrong or can't be translated; the error names it.
    """
    refuse_logprobs(body)
    validate(BODY, body)
    reasoning, text_settings = body.get("reasoning") or {}, body.get("text") or {}
    raw_input = body["input"]
    items = [{"role": "user", "content": raw_input}] if isinstance(raw_input, str) else raw_input
    offered = [*located_tools("tools", body), *added_tools(items)]
    read_tools = (tool_ for where, tool in offered for tool_ in read_tool(where, tool, names))
    tools = list(
        {tool.name: tool for tool in read_tools}.values()
    )  # a tool search may find a tool that is there already
    instructions = body.get("instructions")
    first = [Message("system", (Text(instructions),))] if instructions else []
    return Prompt(
        model=body["model"],
        messages=(*first, *read_items(items)),
        tools=tuple(allowed(tools, body.get("tool_choice"), names)),
        tool_choice=read_choice(body.get("tool_choice")),
        parallel_tools=body.get("parallel_tool_calls"),
        max_tokens=body.get("max_output_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        reasoning_effort=reasoning.get("effort"),
        output_format=read_format(text_settings.get("format")),
        cache_key=body.get("prompt_cache_key"),
    )


def refuse_logprobs(body: JsonObject) -> None:
    """Refuse a request for log probabilities.

    :raises Unsupported: the request asks for them.
    """
    if body.get("top_logprobs"):
        raise Unsupported(f"top_logprobs: {NO_LOGPROBS}", param="top_logprobs")
    if "message.output_text.logprobs" in (body.get("include") or ()):
        raise Unsupported(f"include: {NO_LOGPROBS}", param="include")


def located_tools(where: str, holder: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield (location, tool) for each tool in a list."""
    for index, tool in enumerate(holder.get("tools") or ()):
        yield f"{where}.{index}", tool


def added_tools(items: list[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """Yield (location, tool) for each tool that joined the conversation later.

    Such a tool comes by itself or was found by a search.
    """
    for index, item in enumerate(items):
        if item.get("type") in ITEMS_WITH_TOOLS:
            yield from located_tools(f"input.{index}.tools", item)


def read_items(items: list[JsonObject]) -> Iterator[Message]:
    """Read the items, and join consecutive items of one role: reasoning, text and calls belong together."""
    role, parts = "", list[Part]()
    for index, item in enumerate(items):
        if item.get("type") in IGNORED:
            continue
        item_role, item_parts = read_item(f"input.{index}", item)
        if item_role != role and parts:
            yield Message(role, tuple(parts))  # type: ignore[arg-type]
            parts = []
        role = item_role
        parts += item_parts
    if parts:
        yield Message(role, tuple(parts))  # type: ignore[arg-type]


def read_item(where: str, item: JsonObject) -> tuple[str, list[Part]]:
    """Read an item into its role and its parts."""
    kind = "message" if item.get("type") is None else item["type"]
    read = READ_ITEM.get(kind)
    if read is None:
        raise Unsupported(f"{where}: {kind!r} can't be sent to this model", param=where)
    try:
        role, parts = read(item)
    except ValueError as error:
        raise Unsupported(f"{where}: {error}", param=where) from error
    return role, [located(part, f"{where}.content.{index}") for index, part in enumerate(parts)]


def read_message(item: JsonObject) -> tuple[str, list[Part]]:
    role = "system" if item["role"] == "developer" else item["role"]
    content = item["content"]
    return role, [Text(content)] if isinstance(content, str) else [read_part(part) for part in content]


def read_part(part: JsonObject) -> Any:
    if part["type"] == "input_image":
        return Image(*data_url.split(part.get("image_url")))
    if part["type"] == "input_file":
        return File(*data_url.split(part.get("file_data")), part.get("filename"))
    return Text(part["refusal"] if part["type"] == "refusal" else part["text"])


def read_call(item: JsonObject) -> tuple[str, list[Part]]:
    name = flatten(item.get("namespace"), item["name"])
    return "assistant", [ToolCall(item["call_id"], name, item.get("arguments") or "{}")]


def read_custom_call(item: JsonObject) -> tuple[str, list[Part]]:
    name = flatten(item.get("namespace"), item["name"])
    return "assistant", [ToolCall(item["call_id"], name, item["input"], custom=True)]


def read_local_call(item: JsonObject) -> tuple[str, list[Part]]:
    """Read a call of one of OpenAI's built-in tools."""
    name, arguments_field = LOCAL[item["type"]]
    arguments = item.get(arguments_field) or {}
    if several := item.get("actions"):
        arguments = {"actions": several}
    return "assistant", [ToolCall(call_id(item), name, codec.write(arguments).decode())]


def read_local_output(item: JsonObject) -> tuple[str, list[Part]]:
    output = item.get("output")
    if isinstance(output, dict) and isinstance(output.get("image_url"), str):
        return "user", [ToolResult(call_id(item), (Image(*data_url.split(output["image_url"])),))]
    text = output if isinstance(output, str) else codec.write(output).decode()
    shown = () if output is None else (Text(text),)
    return "user", [ToolResult(call_id(item), shown, item.get("status") in FAILED)]


def call_id(item: JsonObject) -> str:
    return str(item.get("call_id") or item.get("id") or "")


def refuse_compaction(_item: JsonObject) -> tuple[str, list[Part]]:
    """Refuse a compaction.

    :raises ValueError: always.
    """
    raise ValueError(NO_COMPACTION)


def read_output(item: JsonObject) -> tuple[str, list[Part]]:
    output = item["output"]
    parts = [Text(output)] if isinstance(output, str) else [read_part(part) for part in output]
    return "user", [ToolResult(item["call_id"], tuple(parts), item.get("status") in FAILED)]


def read_reasoning(item: JsonObject) -> tuple[str, list[Part]]:
    """Read reasoning.  Without the bridge's prefix its encrypted content is OpenAI's own."""
    text = "\n\n".join(part["text"] for part in item.get("summary") or ())
    encrypted = item.get("encrypted_content")
    details = decode_details(encrypted, "responses")
    if encrypted and not is_foreign(encrypted):
        details = {"responses": {"id": str(item.get("id") or ""), "encrypted_content": encrypted}}
    return "assistant", [Reasoning(text, details)]


READ_ITEM: dict[str, Callable[[JsonObject], tuple[str, list[Part]]]] = {
    "message": read_message,
    "function_call": read_call,
    "custom_tool_call": read_custom_call,
    "function_call_output": read_output,
    "custom_tool_call_output": read_output,
    "reasoning": read_reasoning,
    "web_search_call": read_search_call,
    **dict.fromkeys(LOCAL, read_local_call),
    **dict.fromkeys((f"{kind}_output" for kind in LOCAL), read_local_output),
    **dict.fromkeys(COMPACTIONS, refuse_compaction),
}


def read_tool(where: str, tool: JsonObject, names: ToolNames, namespace: str | None = None) -> Iterator[Tool]:
    """Read a tool; the tools in a namespace become ordinary ones."""
    kind = tool["type"]
    if kind == "namespace":
        located = located_tools(f"{where}.tools", tool)
        tools = (
            read
            for location, inner in located
            for read in read_tool(location, inner, names, tool.get("name"))
        )
        yield from with_namespace_description(tools, tool)
    elif kind in READ_TOOL:
        yield READ_TOOL[kind](names.add(namespace, tool["name"]), tool)
    elif not hosted_tool("responses", kind):
        raise Unsupported(f"{where}: {kind!r} can't be offered to this model", param=where)


def read_function(name: str, tool: JsonObject) -> Tool:
    schema = tool.get("parameters") or {"type": "object", "properties": {}}
    return Tool(name, tool.get("description") or "", schema, strict=tool.get("strict"))


def read_custom(name: str, tool: JsonObject) -> Tool:
    return Tool(name, tool.get("description") or "", {}, custom=True, format=tool.get("format"))


READ_TOOL: dict[str, Callable[[str, JsonObject], Tool]] = {"function": read_function, "custom": read_custom}


def with_namespace_description(tools: Iterator[Tool], namespace: JsonObject) -> Iterator[Tool]:
    """Put the description of a namespace before that of its first tool, since it has no other place."""
    introduction = (
        f"All tools called {namespace.get('name')}{NAMESPACE_SEPARATOR}…: {namespace.get('description')}"
    )
    for index, tool in enumerate(tools):
        is_described = namespace.get("description") and not index
        yield replace(tool, description=f"{introduction}\n\n{tool.description}") if is_described else tool


def read_choice(choice: Any) -> ToolChoice | None:
    """Read the tool choice.

    :raises InvalidRequest: it is unknown; to let the model choose would not be what the client relies on.
    """
    if choice is None:
        return None
    if isinstance(choice, dict):
        return read_choice_object(choice)
    return ToolChoice(read_mode("tool_choice", choice))


def read_choice_object(choice: JsonObject) -> ToolChoice:
    """Read a tool choice that is an object.

    A built-in tool is named by its type, and is not offered elsewhere.
    """
    kind = choice.get("type")
    if isinstance(choice.get("name"), str):
        return ToolChoice("tool", flatten(choice.get("namespace"), choice["name"]))
    if isinstance(kind, str) and kind in MODES:
        return ToolChoice(MODES[kind])
    if kind in ("allowed_tools", None):
        return ToolChoice(read_mode("tool_choice.mode", choice.get("mode")))
    return ToolChoice("tool", str(kind))


def read_mode(where: str, mode: Any) -> Literal["auto", "none", "required"]:
    if not isinstance(mode, str) or mode not in MODES:
        reject(where, "auto, none or required")
    return MODES[mode]


def allowed(tools: list[Tool], choice: Any, names: ToolNames) -> Iterator[Tool]:
    """Yield the tools that the choice allows.

    Other dialects can't restrict a choice, so the rest is not offered.
    """
    listed = choice.get("tools") if isinstance(choice, dict) else None
    if not isinstance(listed, list):
        yield from tools
        return
    wanted = {tool.get("name") for tool in listed if isinstance(tool, dict)}
    yield from (tool for tool in tools if names.of[tool.name][1] in wanted)


def read_format(format_: Any) -> OutputFormat | None:
    if not format_ or format_["type"] == "text":
        return None
    return OutputFormat(format_.get("schema"), format_.get("name") or "output", format_.get("strict"))
