"""The hub, reply side: one payload per event.

Readers promise: `Started` first; parts one after the other, numbered from 0, none taken up again; exactly
one `Finished`, last, or an error.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["stop", "length", "tool_calls", "refusal", "filtered"]
"""`refusal`: the model would not answer.  `filtered`: somebody else broke its answer off."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """`id`: as upstream calls the answer."""

    id: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    part: int
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """Why the model will not answer."""

    part: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    part: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningSignature:
    """What the dialect of upstream wants to see again with this part; "google": with the call after it."""

    part: int
    provider_details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """`custom`: its arguments are free text."""

    part: int
    id: str
    name: str
    custom: bool = False


@dataclass(frozen=True, slots=True)
class ToolCallArgumentsDelta:
    """`json`: a piece of a JSON object, or of a custom call's text."""

    part: int
    json: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens.  `input` is without those that were read from a cache or written to one."""

    input: int = 0
    cached: int = 0
    cache_written: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt_tokens(self) -> int:
        return self.input + self.cached + self.cache_written


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """`stop`: the stop sequence that ended it, where that is known."""

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
    | ResponseFinished
)
