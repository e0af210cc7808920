"""The hub, reply side: one payload per event.

Readers promise: `Started` first; parts one after the other, numbered from 0, none taken up again; exactly
one `Finished`, last, or an error.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["stop", "length", "tool_calls", "refusal"]


@dataclass(frozen=True, slots=True)
class Started:
    """`id`: as upstream calls the answer."""

    id: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    part: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    part: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningSeal:
    """What the dialect of upstream wants to see again with this part."""

    part: int
    opaque: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallStarted:
    part: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    part: int
    json: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens.  `input` is without those that were read from a cache or written to one."""

    input: int = 0
    cached: int = 0
    cache_written: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.cached + self.cache_written


@dataclass(frozen=True, slots=True)
class Finished:
    """`refusal`: why the model would not answer, where that is told apart from what it has said.

    `stop`: the stop sequence that ended it, where that is known.
    """

    reason: Reason
    usage: Usage = field(default_factory=Usage)
    refusal: str = ""
    stop: str | None = None


Event = Started | TextDelta | ReasoningDelta | ReasoningSeal | CallStarted | ArgumentsDelta | Finished
