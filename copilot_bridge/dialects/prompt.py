"""The hub, request side: what every dialect can say of a conversation, in a vocabulary that loses nothing.

A dialect reads its own body into a `Prompt` and writes a `Prompt` as its own body; no dialect knows another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import Unsupported

Role = Literal["user", "assistant", "system"]


@dataclass(frozen=True, slots=True)
class Text:
    """`cache_breakpoint`: a prompt cache may end here."""

    text: str
    cache_breakpoint: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """`data`: base64."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class File:
    """A document, above all a PDF.  `data`: base64.  `context`: what the client says of it."""

    media_type: str
    data: str
    name: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought.  `provider_details`: per dialect what it wants to see again, unchanged."""

    text: str
    provider_details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments`: a JSON object as text; of a custom tool the raw input."""

    id: str
    name: str
    arguments: str
    custom: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    id: str
    parts: tuple["Text | Image | File", ...]
    is_error: bool = False


Part = Text | Image | File | Reasoning | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """`schema`: of its arguments.  `custom`: it takes free text instead, of that `format`."""

    name: str
    description: str
    schema: JsonObject
    strict: bool | None = None
    custom: bool = False
    cache_breakpoint: bool = False
    format: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`mode` "tool": the tool of that name."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The form that the answer has to have.  Without a schema: any JSON object."""

    schema: JsonObject | None
    name: str = "output"
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A whole request.  None: not said.

    :param reasoning_effort: how hard to think, as a word.
    :param thinking_budget: how hard to think, in tokens; 0: not at all.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    thinking_budget: int | None = None
    output_format: OutputFormat | None = None
    cache_key: str | None = None


# What binds an answer: it is carried to the model, or enforced by the bridge, or refused.  A prompt has the
# last three in its messages, or was refused by the one who read it.
BINDING = ("output_format", "stop", "tools", "tool_choice", "documents", "compaction", "refusal")


def refuse_unsupported(prompt: Prompt, unsupported: Iterable[str]) -> None:
    """:param unsaid: fields of a prompt that can't be said.

    :raises Unsupported: it has one that binds the answer.
    """
    for name in unsupported:
        if name in BINDING and getattr(prompt, name):
            raise Unsupported(f"{name}: this model can't be told", param=name)


def first_document_message(prompt: Prompt) -> int | None:
    """Which message shows a document of its own; None: none does."""
    return next(
        (
            place
            for place, message in enumerate(prompt.messages)
            if any(isinstance(part, File) for part in message.parts)
        ),
        None,
    )


def without_documents(prompt: Prompt) -> Prompt:
    """With a note in the place of each that a tool gave: the conversation can go on without."""
    return replace(prompt, messages=tuple(map(replace_documents, prompt.messages)))


def replace_documents(message: Message) -> Message:
    return replace(message, parts=tuple(map(replace_documents_in_result, message.parts)))


def replace_documents_in_result(part: Part) -> Part:
    if not isinstance(part, ToolResult):
        return part
    shown = (DOCUMENT_NOTE if isinstance(each, File) else each for each in part.parts)
    return replace(part, parts=tuple(shown))


DOCUMENT_NOTE = Text("[A document that can't be shown to this model.]")

# Thinking as tokens <-> as a word.  Source: what Claude Code's own words for it mean (2026).
BUDGETS = (("low", 4_096), ("medium", 16_384), ("high", 31_999))


def effort_of(prompt: Prompt) -> str | None:
    if prompt.reasoning_effort or prompt.thinking_budget is None:
        return prompt.reasoning_effort
    if prompt.thinking_budget == 0:
        return "none"
    return next((effort for effort, most in BUDGETS if prompt.thinking_budget <= most), "xhigh")


def budget_of(prompt: Prompt) -> int | None:
    if prompt.thinking_budget is not None or prompt.reasoning_effort is None:
        return prompt.thinking_budget
    return (
        0
        if prompt.reasoning_effort in ("none", "minimal")
        else dict(BUDGETS).get(prompt.reasoning_effort, BUDGETS[-1][1])
    )


def text_of(parts: tuple[Any, ...], between: str = "\n\n") -> str:
    return between.join(part.text for part in parts if isinstance(part, Text))
