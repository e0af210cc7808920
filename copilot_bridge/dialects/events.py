"""The response side of the hub: a stream of events with one payload each.

Readers promise: `ResponseStarted` comes first.  Parts come one after the other, numbered from 0, and none is
reopened.  Exactly one `ResponseFinished` comes last, unless an error is raised instead.
"""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from msgspec import Struct, field

Reason = Literal["stop", "length", "tool_calls", "refusal", "filtered", "paused"]
"""`refusal`: the model declined to answer.  `filtered`: a content filter cut its response off.  `paused`: the
client may have the response continued, by sending it back as it is."""


class ResponseStarted(Struct, frozen=True):
    """The start of a response.  `id`: upstream's."""

    id: str


class TextDelta(Struct, frozen=True):
    """A piece of text."""

    part: int
    text: str


class RefusalDelta(Struct, frozen=True):
    """A piece of the text in which the model explains why it declines to answer."""

    part: int
    text: str


class ReasoningDelta(Struct, frozen=True):
    """A piece of reasoning."""

    part: int
    text: str


class ReasoningSignature(Struct, frozen=True):
    """The details that upstream has to get back unchanged with a part, by dialect.

    Those under "google" belong to the tool call that follows.
    """

    part: int
    provider_details: dict[str, Any]


class ToolCallStarted(Struct, frozen=True):
    """The start of a tool call.  `custom`: its arguments are free text."""

    part: int
    id: str
    name: str
    custom: bool = False


class ToolCallArgumentsDelta(Struct, frozen=True):
    """A piece of a tool call's arguments: of a JSON object, or of a custom tool's text."""

    part: int
    json: str


class Source(Struct, frozen=True):
    """A page that a server tool has found.

    :param text: what it says.  :param age: when it was written, in words; "": not known.
    """

    url: str
    title: str
    text: str
    age: str = ""


class ServerToolCall(Struct, frozen=True):
    """A call of a tool that the bridge runs now.

    :param tool: its kind, "web_search" or "web_fetch".  :param arguments: of the call.
    """

    part: int
    id: str
    tool: str
    arguments: dict[str, Any]


class ServerToolResult(Struct, frozen=True):
    """The result of such a call, a part of its own.

    :param id: of the call.  :param error: why there is none, as one of Anthropic's error codes.
    :param text: the result as a model reads it.
    """

    part: int
    id: str
    tool: str
    sources: tuple[Source, ...] = ()
    error: str | None = None
    text: str = ""


class Citation(Struct, frozen=True):
    """A page on which a text relies.

    :param part: of the text.
    :param start, end: of the link to the page, in characters of the part's text.
    :param claim: the words before the link that rely on the page.
    """

    part: int
    source: Source
    start: int
    end: int
    claim: str


class TokenUsage(Struct, frozen=True):
    """The tokens of a response.  `input` leaves out those that were read from a cache or written to one.

    :param searches, fetches: the runs of server tools.
    """

    input: int = 0
    cached: int = 0
    cache_written: int = 0
    output: int = 0
    reasoning: int = 0
    searches: int = 0
    fetches: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached or not."""
        return self.input + self.cached + self.cache_written


class ResponseFinished(Struct, frozen=True):
    """The end of a response.  `stop`: the stop sequence that ended it, if known."""

    reason: Reason
    usage: TokenUsage = field(default_factory=TokenUsage)
    stop: str | None = None


Event = (
    ResponseStarted
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSignature
    | ToolCallStarted
    | ToolCallArgumentsDelta
    | ServerToolCall
    | ServerToolResult
    | Citation
    | ResponseFinished
)


class EventReader(Protocol):
    """Reads upstream's events, one at a time, into the hub's.

    :ivar usage: the token usage, as far as it is known.
    """

    @property
    def usage(self) -> TokenUsage: ...
    def feed(self, data: bytes) -> Iterable[Event]: ...
    def close(self) -> Iterable[Event]:
        """End the stream.

        :raises StreamCut: the response has no end.
        """
