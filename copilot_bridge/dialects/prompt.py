"""The request side of the hub: a prompt in a vocabulary that every dialect can be read into.

Each dialect reads its own body into a `Prompt` and writes a `Prompt` as its own body.  No dialect knows
another.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import Unsupported

Role = Literal["user", "assistant", "system"]


class Text(Struct, frozen=True):
    """A text.  `cache_breakpoint`: a prompt cache may end after it."""

    text: str
    cache_breakpoint: bool = False


OFFICE = "application/vnd.openxmlformats-officedocument"

# The ends of the names of files, by which OpenAI's models know a document.
EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.text": ".odt",
    f"{OFFICE}.wordprocessingml.document": ".docx",
    f"{OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{OFFICE}.presentationml.presentation": ".pptx",
}


class Location(Struct, frozen=True, eq=False):
    """The location of a part in the client's request, for errors.  Parts are equal wherever they are."""

    path: str

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Location)

    def __hash__(self) -> int:
        return hash(None)


class Image(Struct, frozen=True):
    """An image.  `data`: base64."""

    media_type: str
    data: str


class File(Struct, frozen=True):
    """A document, usually a PDF.  `data`: base64.  `context`: the client's description of it."""

    media_type: str
    data: str
    name: str | None = None
    context: str | None = None
    location: "Location | None" = None  # in the client's request

    @property
    def filename(self) -> str:
        """The name, or for a file without one a name that fits the media type."""
        return self.name or f"document{EXTENSIONS.get(self.media_type, '.bin')}"


class Reasoning(Struct, frozen=True):
    """A model's reasoning.

    :param provider_details: by dialect, what its backend has to get back unchanged with the reasoning.
    """

    text: str
    provider_details: Mapping[str, Any] = field(default_factory=dict)


class ToolCall(Struct, frozen=True):
    """A call of a tool.  `arguments`: a JSON object as text, or the raw input of a custom tool."""

    id: str
    name: str
    arguments: str
    custom: bool = False


class ToolResult(Struct, frozen=True):
    """The result of a tool call.  `id`: that of the call."""

    id: str
    parts: tuple["Text | Image | File", ...]
    is_error: bool = False


Part = Text | Image | File | Reasoning | ToolCall | ToolResult


class Message(Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]


class Tool(Struct, frozen=True):
    """A tool that the model may call.

    :param schema: the JSON Schema of its arguments.
    :param custom: the tool takes free text instead of a JSON object.
    :param format: the format of that free text, such as a grammar.
    """

    name: str
    description: str
    schema: JsonObject
    strict: bool | None = None
    custom: bool = False
    cache_breakpoint: bool = False
    format: JsonObject | None = None


class ToolChoice(Struct, frozen=True):
    """The client's choice of tools.  `name`: of the tool to call, in mode "tool"."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


class ServerTool(Struct, frozen=True):
    """A tool that the client leaves to the server to run.

    :param kind: what it does: "web_search" or "web_fetch".
    :param max_uses: how often it may run for one response.
    :param allowed_domains, blocked_domains: of the pages that it may use; none: all, and none.
    :param location: the user's, as {"city", "region", "country", "timezone"}.
    :param max_tokens: of one page's text.
    :param offline: it may not look at the live web, but at an index of it.
    :param demanded_by: the field of the request that binds the response to it; "": the model can do without.
    """

    kind: str
    max_uses: int | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    location: JsonObject | None = None
    max_tokens: int | None = None
    demanded_by: str = ""
    offline: bool = False


class OutputFormat(Struct, frozen=True):
    """The JSON format that the response has to have.  `schema` None: any JSON object."""

    schema: JsonObject | None
    name: str = "output"
    strict: bool | None = None


class Gap(Struct, frozen=True):
    """A gap in a text that the model is to fill.  `suffix`: what follows it, or ""."""

    prefix: str
    suffix: str = ""


class Prompt(Struct, frozen=True, kw_only=True):
    """A whole request.  A setting is None if the client has left it out.

    :param reasoning_effort: how much to reason, as a word.
    :param thinking_budget: how much to reason, in tokens.  0: not at all.
    :param gap: the request is for a text, not for the next message, and has no messages.
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
    gap: Gap | None = None


# What a client relies on in a response: each is passed to the model, enforced by the bridge, or refused.  A
# prompt has the last three in its messages, or the reader of the request has refused them.
BINDING = ("output_format", "stop", "tools", "tool_choice", "documents", "compaction", "refusal")


def refuse_unsupported(prompt: Prompt, unsupported: Iterable[str]) -> None:
    """Refuse a prompt that relies on a setting which the target API lacks.

    :param unsupported: fields of a prompt.
    :raises Unsupported: the prompt has one of them that a client relies on.
    """
    for name in unsupported:
        if name in BINDING and getattr(prompt, name):
            raise Unsupported(f"{name}: the API of this model has no such setting", param=name)


def first_document(prompt: Prompt) -> File | None:
    """Return the first document that the user shows, or None."""
    shown = (part for message in prompt.messages for part in message.parts if isinstance(part, File))
    return next(shown, None)


def located(part: Part, path: str) -> Part:
    """Return a part with its location, if it is one that errors name."""
    return replace(part, location=Location(path)) if isinstance(part, File) else part


def without_documents(prompt: Prompt) -> Prompt:
    """Return the prompt with a note in place of each document in a tool's result."""
    return replace(prompt, messages=tuple(map(replace_documents, prompt.messages)))


def replace_documents(message: Message) -> Message:
    return replace(message, parts=tuple(map(replace_documents_in_result, message.parts)))


def replace_documents_in_result(part: Part) -> Part:
    if not isinstance(part, ToolResult):
        return part
    parts = (DOCUMENT_NOTE if isinstance(shown, File) else shown for shown in part.parts)
    return replace(part, parts=tuple(parts))


DOCUMENT_NOTE = Text("[A document that can't be shown to this model.]")

# Thinking budgets in tokens and the efforts they stand for.  Source: the meaning of Claude Code's keywords
# (2026).
BUDGETS = (("low", 4_096), ("medium", 16_384), ("high", 31_999))


def effort_of(prompt: Prompt) -> str | None:
    """Return the reasoning effort, derived from the thinking budget if the client has given only that."""
    if prompt.reasoning_effort or prompt.thinking_budget is None:
        return prompt.reasoning_effort
    if prompt.thinking_budget == 0:
        return "none"
    return next((effort for effort, max_tokens in BUDGETS if prompt.thinking_budget <= max_tokens), "xhigh")


def budget_of(prompt: Prompt) -> int | None:
    """Return the thinking budget in tokens, derived from the effort if the client has given only that."""
    if prompt.thinking_budget is not None or prompt.reasoning_effort is None:
        return prompt.thinking_budget
    return budget_for(prompt.reasoning_effort)


def budget_for(effort: str) -> int:
    """Return the thinking budget in tokens that stands for an effort."""
    return 0 if effort in ("none", "minimal") else dict(BUDGETS).get(effort, BUDGETS[-1][1])


def text_of(parts: tuple[Any, ...], separator: str = "\n\n") -> str:
    """Join the texts among the parts."""
    return separator.join(part.text for part in parts if isinstance(part, Text))
