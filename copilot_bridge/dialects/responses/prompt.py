"""A Responses body -> `Prompt`, and back.

Tools in namespaces have no equal elsewhere: they become ordinary ones, and `Names` remembers what they were,
so that calls come back in their original form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from copilot_bridge.dialects import codec, data_url
from copilot_bridge.dialects.adaptation.safe_names import safe_name
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
    effort_of,
    text_of,
)
from copilot_bridge.dialects.provider_details import decode_details, is_foreign
from copilot_bridge.dialects.responses.schema import BODY
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import Unsupported

MODES = ("auto", "none", "required")

BETWEEN = "__"  # a namespace and the name in it
MAX_NAME_LENGTH = 64

# What no other dialect can say, and why leaving it out would change the answer.
NO_LOGPROBS = "the API that Copilot offers this model through gives no log probabilities"

# Tools that OpenAI would run; what an agent can do without.
HOSTED = ("web_search", "web_search_preview", "tool_search", "local_shell", "code_interpreter", "file_search",
          "image_generation", "computer_use_preview", "mcp")  # fmt: skip

# Items of a history that say nothing to another model.  What OpenAI's own tools did is in the text behind.
IGNORED = ("item_reference", "tool_search_call", "tool_search_output", "additional_tools", "web_search_call",
           "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call", "mcp_list_tools",
           "mcp_approval_request", "mcp_approval_response")  # fmt: skip
# What can be read by the model alone that made it, or asks for that.
SEALED = ("compaction", "compaction_trigger")
NO_COMPACTION = (
    "only the models of this API can read a compaction: send the conversation itself, or stay with them"
)

# Calls of tools that OpenAI's models know by themselves and the client runs: what each is called elsewhere,
# and what it was called with.
LOCAL = {
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "computer_call": ("computer", "action"),
}

ADDING = ("additional_tools", "tool_search_output")


@dataclass(frozen=True, slots=True)
class Names:
    """What a tool of the translated request was called: name -> (namespace or None, name)."""

    of: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def add(self, namespace: str | None, name: str) -> str:
        flat = flatten(namespace, name)
        self.of[flat] = (namespace, name)
        return flat


def flatten(namespace: str | None, name: str) -> str:
    """One name for both, the same each time."""
    return safe_name(f"{namespace}{BETWEEN}{name}" if namespace else name, MAX_NAME_LENGTH)


def read_prompt(body: JsonObject, names: Names) -> Prompt:
    """Raises InvalidRequest or Unsupported, naming the field.  `names` is filled in."""
    refuse_logprobs(body)
    validate(BODY, body)
    reasoning, told = body.get("reasoning") or {}, body.get("text") or {}
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    offered = [*placed("tools", body), *added_tools(items)]
    read = (each for where, tool in offered for each in read_tool(where, tool, names))
    tools = list({tool.name: tool for tool in read}.values())  # a search may find what is there already
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
        output_format=read_format(told.get("format")),
        cache_key=body.get("prompt_cache_key"),
    )


def refuse_logprobs(body: JsonObject) -> None:
    """Raises Unsupported."""
    if body.get("top_logprobs"):
        raise Unsupported(f"top_logprobs: {NO_LOGPROBS}", param="top_logprobs")
    if "message.output_text.logprobs" in (body.get("include") or ()):
        raise Unsupported(f"include: {NO_LOGPROBS}", param="include")


def placed(where: str, holder: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """(where it stands, the tool) of each of its tools."""
    for place, tool in enumerate(holder.get("tools") or ()):
        yield f"{where}.{place}", tool


def added_tools(items: list[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """Those that came in the course of the conversation, by themselves or because they were looked for."""
    for index, item in enumerate(items):
        if item.get("type") in ADDING:
            yield from placed(f"input.{index}.tools", item)


def read_items(items: list[JsonObject]) -> Iterator[Message]:
    """Consecutive items of one speaker are one message: a thought, a text and its calls belong together."""
    role, parts = "", list[Part]()
    for index, item in enumerate(items):
        if item.get("type") in IGNORED:
            continue
        speaker, said = read_item(f"input.{index}", item)
        if speaker != role and parts:
            yield Message(role, tuple(parts))  # type: ignore[arg-type]
            parts = []
        role = speaker
        parts += said
    if parts:
        yield Message(role, tuple(parts))  # type: ignore[arg-type]


def read_item(where: str, item: JsonObject) -> tuple[str, list[Part]]:
    kind = "message" if item.get("type") is None else item["type"]
    read = READ_ITEM.get(kind)
    if read is None:
        raise Unsupported(f"{where}: {kind!r} can't be sent to this model", param=where)
    try:
        return read(item)
    except ValueError as error:
        raise Unsupported(f"{where}: {error}", param=where) from error


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
    name, field_ = LOCAL[item["type"]]
    arguments = codec.write(item.get(field_) or {}).decode()
    return "assistant", [ToolCall(call_id(item), name, arguments)]


def read_local_output(item: JsonObject) -> tuple[str, list[Part]]:
    output = item.get("output")
    if isinstance(output, dict) and isinstance(output.get("image_url"), str):
        return "user", [ToolResult(call_id(item), (Image(*data_url.split(output["image_url"])),))]
    text = output if isinstance(output, str) else codec.write(output).decode()
    return "user", [ToolResult(call_id(item), (Text(text),))]


def call_id(item: JsonObject) -> str:
    return str(item.get("call_id") or item.get("id") or "")


def read_sealed(_item: JsonObject) -> tuple[str, list[Part]]:
    """Raises ValueError."""
    raise ValueError(NO_COMPACTION)


def read_output(item: JsonObject) -> tuple[str, list[Part]]:
    output = item["output"]
    parts = [Text(output)] if isinstance(output, str) else [read_part(part) for part in output]
    return "user", [ToolResult(item["call_id"], tuple(parts), item.get("status") == "incomplete")]


def read_reasoning(item: JsonObject) -> tuple[str, list[Part]]:
    text = "\n\n".join(part["text"] for part in item.get("summary") or ())
    given = item.get("encrypted_content")
    opaque = decode_details(given, "responses")
    if given and not is_foreign(given):
        opaque = {"responses": {"id": str(item.get("id") or ""), "encrypted_content": given}}
    return "assistant", [Reasoning(text, opaque)]


READ_ITEM: dict[str, Callable[[JsonObject], tuple[str, list[Part]]]] = {
    "message": read_message,
    "function_call": read_call,
    "custom_tool_call": read_custom_call,
    "function_call_output": read_output,
    "custom_tool_call_output": read_output,
    "reasoning": read_reasoning,
    **dict.fromkeys(LOCAL, read_local_call),
    **dict.fromkeys((f"{kind}_output" for kind in LOCAL), read_local_output),
    **dict.fromkeys(SEALED, read_sealed),
}


def read_tool(where: str, tool: JsonObject, names: Names, namespace: str | None = None) -> Iterator[Tool]:
    kind = tool["type"]
    if kind == "namespace":
        given = placed(f"{where}.tools", tool)
        inner = (each for place, one in given for each in read_tool(place, one, names, tool.get("name")))
        yield from introduced(inner, tool)
    elif kind in READ_TOOL:
        yield READ_TOOL[kind](names.add(namespace, tool["name"]), tool)
    elif kind not in HOSTED:
        raise Unsupported(f"{where}: {kind!r} can't be offered to this model", param=where)


def read_function(name: str, tool: JsonObject) -> Tool:
    schema = tool.get("parameters") or {"type": "object", "properties": {}}
    return Tool(name, tool.get("description") or "", schema, strict=tool.get("strict"))


def read_custom(name: str, tool: JsonObject) -> Tool:
    return Tool(name, tool.get("description") or "", {}, custom=True, format=tool.get("format"))


READ_TOOL: dict[str, Callable[[str, JsonObject], Tool]] = {"function": read_function, "custom": read_custom}


def introduced(tools: Iterator[Tool], namespace: JsonObject) -> Iterator[Tool]:
    """What is said of a namespace stands nowhere else: the first of its tools says it, for all of them."""
    about = f"All tools called {namespace.get('name')}{BETWEEN}…: {namespace.get('description')}"
    for place, tool in enumerate(tools):
        told = namespace.get("description") and not place
        yield replace(tool, description=f"{about}\n\n{tool.description}") if told else tool


def read_choice(choice: Any) -> ToolChoice | None:
    if isinstance(choice, dict) and choice:
        return read_choice_object(choice)
    return ToolChoice(choice if choice in MODES else "auto") if choice else None


def read_choice_object(choice: JsonObject) -> ToolChoice:
    """A tool that OpenAI would run is named by its kind alone, and none of those that are offered."""
    kind = choice.get("type")
    if isinstance(choice.get("name"), str):
        return ToolChoice("tool", flatten(choice.get("namespace"), choice["name"]))
    mode = choice.get("mode") if kind in ("allowed_tools", None) else kind
    if mode in MODES or kind in ("allowed_tools", None):
        return ToolChoice(mode if mode in MODES else "auto")
    return ToolChoice("tool", str(kind))


def allowed(tools: list[Tool], choice: Any, names: Names) -> Iterator[Tool]:
    """Elsewhere a choice among some of the tools can't be said: the others are not offered."""
    some = choice.get("tools") if isinstance(choice, dict) else None
    if not isinstance(some, list):
        yield from tools
        return
    wanted = {tool.get("name") for tool in some if isinstance(tool, dict)}
    yield from (tool for tool in tools if names.of[tool.name][1] in wanted)


def read_format(given: Any) -> OutputFormat | None:
    if not given or given["type"] == "text":
        return None
    return OutputFormat(given.get("schema"), given.get("name") or "output", given.get("strict"))


def write_prompt(prompt: Prompt) -> JsonObject:
    """A body for a model that Copilot offers through Responses."""
    first = prompt.messages[0] if prompt.messages and prompt.messages[0].role == "system" else None
    rest = prompt.messages[1:] if first else prompt.messages
    given = {"instructions": text_of(first.parts) if first else None}
    given |= {name: write(prompt) for name, write in SETTINGS.values()}
    said = {name: value for name, value in given.items() if value is not None}
    items = answered(item for message in rest for item in write_message(message))
    if not items:  # instructions alone
        items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}]
    return {"model": prompt.model, "input": items, "store": False, "stream": True} | said


def write_message(message: Message) -> Iterator[JsonObject]:
    """What is said between two calls stays between them."""
    role = "developer" if message.role == "system" else message.role
    held: list[JsonObject] = []
    for part in message.parts:
        if isinstance(part, Text | Image | File):
            held += write_part(part, role)
            continue
        if held:
            yield {"type": "message", "role": role, "content": held}
            held = []
        yield from WRITE_ITEM[type(part)](part)
    if held:
        yield {"type": "message", "role": role, "content": held}


def answered(items: Iterator[JsonObject]) -> list[JsonObject]:
    """The results of custom calls are called so, too."""
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
    return [{"type": "input_file", "filename": part.name or "document.pdf", "file_data": data}]


def write_call(part: ToolCall) -> list[JsonObject]:
    if part.custom:
        call = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
        return [call]
    arguments = part.arguments or "{}"
    return [{"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}]


def write_output(part: ToolResult) -> list[JsonObject]:
    shown = [block for each in part.parts for block in write_part(each)]
    texts = [block for block in shown if block["type"] == "input_text"]
    if part.is_error:
        shown = [{"type": "input_text", "text": "Error:"}, *shown]
    plain = len(shown) == len(texts) and not part.is_error
    output: Any = "\n".join(block["text"] for block in texts) if plain else shown
    return [{"type": "function_call_output", "call_id": part.id, "output": output}]


def write_reasoning(part: Reasoning) -> list[JsonObject]:
    """Only what this dialect gave out itself; a thought of another backend's is none here."""
    opaque = part.provider_details.get("responses")
    if not isinstance(opaque, dict) or not opaque.get("encrypted_content"):
        return []
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return [{"type": "reasoning", "summary": summary, **{k: v for k, v in opaque.items() if v}}]


# Each kind of part stands in one of these: in a message, or as an item of its own.
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
    said = {"name": tool.name, "description": tool.description}
    if tool.custom:
        return {"type": "custom", **said, **write_grammar(tool.format)}
    return {"type": "function", **said, "parameters": tool.schema, "strict": bool(tool.strict)}


def write_grammar(given: JsonObject | None) -> JsonObject:
    """What chat says in a member of its own stands here in the format itself."""
    if not given:
        return {}
    inner = given.get("grammar")
    flat = {key: value for key, value in given.items() if key != "grammar"}
    return {"format": flat | inner if isinstance(inner, dict) else given}


def write_effort(prompt: Prompt) -> JsonObject:
    """Summaries are told to those who ask for them alone."""
    effort = effort_of(prompt)
    return {"summary": "auto"} | ({"effort": effort} if effort else {})


def write_choice(prompt: Prompt) -> Any:
    choice = prompt.tool_choice
    if not prompt.tools or not choice or choice.mode != "tool":
        return choice.mode if prompt.tools and choice else None
    custom = any(tool.custom for tool in prompt.tools if tool.name == choice.name)
    return {"type": "custom" if custom else "function", "name": choice.name}


def write_format(answer: OutputFormat) -> JsonObject:
    if answer.schema is None:
        return {"type": "json_object"}
    told = {"type": "json_schema", "name": answer.name, "schema": answer.schema}
    return told | ({} if answer.strict is None else {"strict": answer.strict})


# A prompt's fields: what each is called here, and how it is said; some are said together.
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
# Those that Copilot has no word for here.  They only advise.
UNSUPPORTED_SETTINGS = ("temperature", "top_p", "stop")
