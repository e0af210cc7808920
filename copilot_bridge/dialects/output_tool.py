"""Output in a requested format that a model gave as the input of a tool, turned back into text.

Some backends have no output format.  They are given a tool instead, which the model has to call with the
output as its input.  The client knows nothing of that tool: its call becomes text, and text beside it is left
out.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from copilot_bridge.dialects.events import (
    Event,
    EventReader,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.errors import UpstreamRefused

# These reasons explain why the requested output is missing; after any other the response would be wrong.
UNFINISHED = ("length", "refusal", "filtered")


class OutputToolReader:
    """Passes a reader's events on as if the model had written the output without a tool.

    :param name: that of the tool.
    """

    def __init__(self, reader: EventReader, name: str) -> None:
        self._reader = reader
        self._name = name
        self._held: list[TextDelta] = []  # texts, until it is known whether the tool is called
        self._omitted_parts: set[int] = set()  # parts
        self._output_part: int | None = None  # the part with the output
        self._has_output = False  # whether any of the output has come
        self._has_client_call = False  # whether the client's own tools were called
        self._refused = False

    @property
    def usage(self) -> TokenUsage:
        return self._reader.usage

    def feed(self, data: bytes) -> Iterator[Event]:
        """Read an event.

        :raises UpstreamRefused: the response does not have the requested format.
        """
        yield from self._translate(self._reader.feed(data))

    def close(self) -> Iterator[Event]:
        yield from self._translate(self._reader.close())

    def _translate(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            match event:
                case TextDelta():
                    self._held.append(event)
                case ToolCallStarted() if event.name == self._name:
                    self._begin_output(event.part)
                case ToolCallArgumentsDelta() if event.part == self._output_part:
                    self._has_output = True
                    yield TextDelta(self._renumbered(event.part), event.json)
                case ToolCallArgumentsDelta() if event.part in self._omitted_parts:  # of a second output
                    pass
                case ResponseFinished():
                    yield from self._finish(event)
                case _:
                    yield from self._pass_on(event)

    def _begin_output(self, part: int) -> None:
        """Begin the output, and leave out the text before it."""
        self._omitted_parts |= {event.part for event in self._held}
        self._held = []
        if self._output_part is None:
            self._output_part = part
        else:
            self._omitted_parts.add(part)

    def _pass_on(self, event: Event) -> Iterator[Event]:
        self._has_client_call |= isinstance(event, ToolCallStarted)
        self._refused |= isinstance(event, RefusalDelta)
        yield from self._release()
        yield (
            event
            if isinstance(event, ResponseStarted | ResponseFinished)
            else replace(event, part=self._renumbered(event.part))
        )

    def _finish(self, event: ResponseFinished) -> Iterator[Event]:
        if self._output_part is None:
            if not (self._has_client_call or self._refused) and event.reason not in UNFINISHED:
                raise UpstreamRefused("the model did not respond in the requested format")
            yield from self._release()
        elif not self._has_output and event.reason != "length":
            yield TextDelta(self._renumbered(self._output_part), "{}")
        has_only_output = (
            self._output_part is not None and not self._has_client_call and event.reason == "tool_calls"
        )
        yield replace(event, reason="stop") if has_only_output else event

    def _release(self) -> Iterator[Event]:
        held, self._held = self._held, []
        if self._output_part is None:
            yield from held
        else:
            self._omitted_parts |= {event.part for event in held}

    def _renumbered(self, part: int) -> int:
        """Return the number of a part without those that were left out."""
        return part - sum(omitted < part for omitted in self._omitted_parts)
