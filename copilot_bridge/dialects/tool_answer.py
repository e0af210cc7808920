"""An answer that came as a tool's input, told as the text that it is.

Where a backend knows no form for an answer, it is asked for as the input of a tool that has to be called.
To whoever asked there was no such tool: its call becomes a text, and what was said beside it is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from copilot_bridge.dialects.adaptation.stop_sequences import EventSource
from copilot_bridge.dialects.events import (
    Event,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.errors import UpstreamRefused

# Without an answer in the form that was asked for, these are no success that only looks like one.
UNFINISHED = ("length", "refusal", "filtered")


class AnswerReader:
    """A reader's events, as they would have been without the tool.

    :param name: the tool's.
    """

    def __init__(self, reader: EventSource, name: str) -> None:
        self._reader = reader
        self._name = name
        self._held: list[TextDelta] = []  # until it is known whether they are all that is said
        self._left_out: set[int] = set()  # parts
        self._answer: int | None = None  # the part that is the answer
        self._said = False  # something of it
        self._called = False  # a tool of the client's own
        self._refused = False

    @property
    def usage(self) -> TokenUsage:
        return self._reader.usage

    def feed(self, data: bytes) -> Iterator[Event]:
        """Raises UpstreamRefused: the answer has another form than was asked for."""
        yield from self._retold(self._reader.feed(data))

    def close(self) -> Iterator[Event]:
        yield from self._retold(self._reader.close())

    def _retold(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            match event:
                case TextDelta():
                    self._held.append(event)
                case ToolCallStarted() if event.name == self._name:
                    self._take(event.part)
                case ToolCallArgumentsDelta() if event.part == self._answer:
                    self._said = True
                    yield TextDelta(self._moved(event.part), event.json)
                case ToolCallArgumentsDelta() if event.part in self._left_out:  # of a second answer
                    pass
                case ResponseFinished():
                    yield from self._finish(event)
                case _:
                    yield from self._go_on(event)

    def _take(self, part: int) -> None:
        """What was said so far is no part of the answer."""
        self._left_out |= {each.part for each in self._held}
        self._held = []
        if self._answer is None:
            self._answer = part
        else:
            self._left_out.add(part)

    def _go_on(self, event: Event) -> Iterator[Event]:
        self._called |= isinstance(event, ToolCallStarted)
        self._refused |= isinstance(event, RefusalDelta)
        yield from self._release()
        yield (
            event
            if isinstance(event, ResponseStarted | ResponseFinished)
            else replace(event, part=self._moved(event.part))
        )

    def _finish(self, event: ResponseFinished) -> Iterator[Event]:
        if self._answer is None:
            if not (self._called or self._refused) and event.reason not in UNFINISHED:
                raise UpstreamRefused("the model has not answered in the form that was asked for")
            yield from self._release()
        elif not self._said and event.reason != "length":
            yield TextDelta(self._moved(self._answer), "{}")
        only_answered = self._answer is not None and not self._called and event.reason == "tool_calls"
        yield replace(event, reason="stop") if only_answered else event

    def _release(self) -> Iterator[Event]:
        held, self._held = self._held, []
        if self._answer is None:
            yield from held
        else:
            self._left_out |= {each.part for each in held}

    def _moved(self, part: int) -> int:
        """Parts are numbered without those that were left out."""
        return part - sum(each < part for each in self._left_out)
