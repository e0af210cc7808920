"""Conversion of a Gemini body into a `Prompt`."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.gemini.json_schema import read_schema
from copilot_bridge.dialects.gemini.schema import BODY, LEVELS, MODES, is_image, role_of
from copilot_bridge.dialects.gemini.signatures import decode_signature
from copilot_bridge.dialects.gemini.tool_calls import ToolCallPairing
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Location,
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
)
from copilot_bridge.dialects.tool_catalogue import history_types, hosted_tool
from copilot_bridge.dialects.validation import validate
from copilot_bridge.errors import InvalidRequest, Unsupported

DYNAMIC_BUDGET = -1  # the model decides how much it thinks

# Optional fields: the response is as valid without them.
DROPPED = (
    "safetySettings",
    "labels",
    "store",
    "serviceTier",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "logprobs",
    "mediaResolution",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "imageConfig",
)

# The parts that Google's server tools leave in a conversation.
IGNORED = frozenset(history_types("gemini"))

Shown = Text | Image | File
LocatedPart = tuple[str, JsonObject]  # (its location in the request, the part)


def read_prompt(body: JsonObject) -> Prompt:
    """Read a request body into a prompt.

    :raises InvalidRequest, Unsupported: a field is wrong or can't be translated; the error names it.
    """
    validate(BODY, body)
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    choice, allowed = read_choice((body.get("toolConfig") or {}).get("functionCallingConfig") or {})
    tools = read_tools(body.get("tools") or ())
    return Prompt(
        model=body["model"],
        messages=(*read_system(body.get("systemInstruction")), *read_contents(body["contents"])),
        tools=tuple(tool for tool in tools if not allowed or tool.name in allowed),
        tool_choice=choice,
        max_tokens=config.get("maxOutputTokens"),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        stop=tuple(config.get("stopSequences") or ()),
        reasoning_effort=read_effort(thinking),
        thinking_budget=read_budget(thinking),
        output_format=read_format(config),
    )


def includes_thoughts(body: JsonObject) -> bool:
    """Return whether the client wants to see what the model thinks."""
    config = body.get("generationConfig")
    thinking = config.get("thinkingConfig") if isinstance(config, dict) else None
    return isinstance(thinking, dict) and thinking.get("includeThoughts") is True


def read_effort(thinking: JsonObject) -> str | None:
    level = thinking.get("thinkingLevel")
    return LEVELS[level.upper()] if level else None


def read_budget(thinking: JsonObject) -> int | None:
    """Read the thinking budget.  0: thinking is off."""
    budget: int | None = thinking.get("thinkingBudget")
    return None if budget == DYNAMIC_BUDGET else budget


def read_format(config: JsonObject) -> OutputFormat | None:
    """Read the format of the output.  A schema alone asks for JSON, too."""
    for name in ("responseJsonSchema", "responseSchema"):
        if config.get(name) is not None:
            return OutputFormat(read_schema(f"generationConfig.{name}", config[name]))
    return OutputFormat(None) if config.get("responseMimeType") == "application/json" else None


def read_system(instruction: Any) -> Iterator[Message]:
    parts = tuple(Text(text) for text in system_texts(instruction))
    if parts:
        yield Message("system", parts)


def system_texts(instruction: Any) -> Iterator[str]:
    """Yield the texts of the system instruction, which may be a string.

    :raises InvalidRequest, Unsupported: it has something else than texts.
    """
    where = "systemInstruction"
    if instruction is None:
        return
    parts = [{"text": instruction}] if isinstance(instruction, str) else parts_of(where, instruction)
    for index, part in enumerate(parts):
        if not isinstance(part.get("text"), str):
            raise Unsupported(f"{where}.parts.{index}: expected a text", param=f"{where}.parts.{index}")
        if part["text"]:
            yield part["text"]


def parts_of(where: str, content: Any) -> list[JsonObject]:
    """Return the parts of a content.

    :raises InvalidRequest: it is not an object with a list of them.
    """
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InvalidRequest(f"{where}.parts: expected a list of parts", param=f"{where}.parts")
    return parts


def read_contents(contents: list[JsonObject]) -> Iterator[Message]:
    """Read the conversation.  Google's SDKs keep each chunk of a stream as a content of the model's."""
    pairing = ToolCallPairing()
    for role, turn in groupby(enumerate(contents), key=lambda numbered: role_of(numbered[1])):
        read = READ_PARTS[role](located_parts(turn), pairing)
        if parts := tuple(read):
            yield Message("assistant" if role == "model" else "user", parts)


def located_parts(contents: Iterable[tuple[int, JsonObject]]) -> Iterator[LocatedPart]:
    for index, content in contents:
        for position, part in enumerate(content.get("parts") or ()):
            yield f"contents.{index}.parts.{position}", part


def read_user_parts(parts: Iterable[LocatedPart], pairing: ToolCallPairing) -> Iterator[Part]:
    for where, part in parts:
        if part.get("functionResponse") is not None:
            yield read_result(f"{where}.functionResponse", part["functionResponse"], pairing)
        elif IGNORED.isdisjoint(part):
            yield read_shown(where, part)


def read_model_parts(parts: Iterable[LocatedPart], pairing: ToolCallPairing) -> Iterator[Part]:
    """Read what the model has said.  Texts in a row are pieces of one."""
    pieces: list[str] = []
    for part in read_pieces(parts, pairing):
        if isinstance(part, Text):
            pieces.append(part.text)
            continue
        if pieces:
            yield Text("".join(pieces))
            pieces = []
        yield part
    if pieces:
        yield Text("".join(pieces))


def read_pieces(parts: Iterable[LocatedPart], pairing: ToolCallPairing) -> Iterator[Part]:
    """Read the parts of the model.

    A signature holds the thoughts before its part, so those that are also sent as parts are left out.
    """
    thoughts: list[str] = []
    for where, part in parts:
        signed = decode_signature(part.get("thoughtSignature") or "")
        if part.get("thought"):
            thoughts.append(part.get("text") or "")
        visible = [] if part.get("thought") else [*read_said(where, part, pairing)]
        if signed or visible:
            yield from with_thoughts(thoughts, signed)
            thoughts = []
        yield from visible
    yield from with_thoughts(thoughts, [])


READ_PARTS: dict[str, Callable[[Iterable[LocatedPart], ToolCallPairing], Iterator[Part]]] = {
    "user": read_user_parts,
    "model": read_model_parts,
}


def with_thoughts(thoughts: list[str], signed: list[Reasoning]) -> Iterator[Reasoning]:
    """Yield the reasoning before a part: as it was signed, or else as it was shown."""
    text = "".join(thoughts)
    if text and not any(reasoning.text for reasoning in signed):
        yield Reasoning(text)
    yield from signed


def read_said(where: str, part: JsonObject, pairing: ToolCallPairing) -> Iterator[Part]:
    """Read a part of the model's that is not a thought; nothing, if it has only a signature."""
    if call := part.get("functionCall"):
        arguments = codec.write(call.get("args") or {}).decode()
        yield ToolCall(pairing.of_call(call), call["name"], arguments)
    elif isinstance(part.get("text"), str):
        if part["text"]:
            yield Text(part["text"])
    elif IGNORED.isdisjoint(part) and not part.get("thoughtSignature"):
        raise unknown_part(where, part)


def read_shown(where: str, part: JsonObject) -> Shown:
    """Read a text, an image or a document.

    :raises Unsupported: the part is of another kind, or its content is not in the request.
    """
    if isinstance(part.get("text"), str):
        return Text(part["text"])
    blob = part.get("inlineData")
    if blob is None:
        raise unknown_part(where, part)
    media, data = blob["mimeType"], standard_base64(blob["data"])
    if is_image(media):
        return Image(media, data)
    return File(media, data, blob.get("displayName"), location=Location(f"{where}.inlineData"))


def standard_base64(data: str) -> str:
    """Return base64 in the usual alphabet: Google's SDK for Python writes the one for URLs."""
    return data.translate(STANDARD_ALPHABET) if "-" in data or "_" in data else data


STANDARD_ALPHABET = str.maketrans("-_", "+/")


def unknown_part(where: str, part: JsonObject) -> Unsupported:
    """An error for a part that can't be sent to any model."""
    if part.get("fileData") is not None:
        reason = "the bridge keeps no files, and downloads only images: send the content as inlineData"
        return Unsupported(f"{where}.fileData: {reason}", param=f"{where}.fileData")
    kinds = ", ".join(sorted(part)) or "an empty part"
    return Unsupported(f"{where}: {kinds} can't be sent to this model", param=where)


def read_result(where: str, result: JsonObject, pairing: ToolCallPairing) -> ToolResult:
    """Read the result of a function.

    By Google's documentation `output` has what it returned, and `error` what went wrong; without either, the
    whole object is the output.
    """
    response = result.get("response") or {}
    is_error = response.keys() == {"error"}
    named = response.keys() <= {"output", "error"} and len(response) == 1
    shown = next(iter(response.values())) if named else response
    text = shown if isinstance(shown, str) else codec.write(shown).decode() if response else ""
    media = (
        read_shown(f"{where}.parts.{index}", part) for index, part in enumerate(result.get("parts") or ())
    )
    parts = (*([Text(text)] if text else []), *media)
    return ToolResult(pairing.of_result(where, result), parts, is_error)


def read_tools(tools: Iterable[JsonObject]) -> Iterator[Tool]:
    """Read the functions that the client runs.

    :raises Unsupported: a tool is of an unknown kind.
    """
    for index, tool in enumerate(tools):
        for kind in tool:
            if kind != "functionDeclarations" and not hosted_tool("gemini", kind):
                where = f"tools.{index}.{kind}"
                raise Unsupported(f"{where}: this tool can't be offered to this model", param=where)
        for position, function in enumerate(tool.get("functionDeclarations") or ()):
            yield read_function(f"tools.{index}.functionDeclarations.{position}", function)


def read_function(where: str, function: JsonObject) -> Tool:
    """Read the declaration of a function, whose arguments are described in either form of schema."""
    schema: JsonObject = {}
    for name in ("parametersJsonSchema", "parameters"):
        if function.get(name):
            schema = read_schema(f"{where}.{name}", function[name])
            break
    schema.pop("$schema", None)
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        schema=schema or {"type": "object", "properties": {}},
    )


def read_choice(calling: JsonObject) -> tuple[ToolChoice | None, frozenset[str]]:
    """Read the choice of tools, and the names of the allowed ones; none: all are allowed."""
    mode, allowed = calling.get("mode"), frozenset(calling.get("allowedFunctionNames") or ())
    if mode is None:
        return None, allowed
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice("tool", *allowed), allowed
    return ToolChoice(MODES[mode]), allowed  # type: ignore[arg-type]
