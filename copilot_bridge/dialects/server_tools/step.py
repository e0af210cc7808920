"""One step of a response with server tools: the model's output without its calls of these tools."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Event,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.prompt import Message, Part, Reasoning, ServerTool, Text, ToolCall, ToolResult


class RunCall(Struct):
    """A model's call of a server tool.

    :param id: the bridge's.  :param name: of the function.
    """

    id: str
    name: str
    tool: ServerTool
    pieces: list[str] = field(default_factory=list)

    @property
    def raw(self) -> str:
        return "".join(self.pieces)

    @property
    def arguments(self) -> JsonObject:
        """The arguments; {} if they are not a JSON object."""
        return codec.read_object(self.raw or "{}") or {}

    def as_part(self) -> Part:
        return ToolCall(self.id, self.name, codec.write(self.arguments).decode())


class OutputText(Struct):
    """A text in the making."""

    pieces: list[str] = field(default_factory=list)

    def as_part(self) -> Part:
        return Text("".join(self.pieces))


class OutputReasoning(Struct):
    """Reasoning in the making.  `details`: what upstream has to get back with it, by dialect."""

    pieces: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def as_part(self) -> Part:
        return Reasoning("".join(self.pieces), self.details)


T = TypeVar("T", OutputText, OutputReasoning)


class Numbering:
    """Numbers the parts and calls of a response that consists of several steps of a model."""

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._parts = -1
        self._calls = -1

    def next_part(self) -> int:
        self._parts += 1
        return self._parts

    def next_call(self) -> str:
        self._calls += 1
        return f"srvtoolu_{self._response_id}{self._calls:02}"


class ModelStep:
    """Takes the events of one step, and keeps the calls of server tools back.

    What follows such a call is kept, too, until it has run: so results come before the client's own calls.

    :param tools: by the names of their functions.
    :ivar calls: of server tools.  :ivar held: events to pass on after these have run.
    :ivar finish: the end of the step.  :ivar has_client_call: whether the client's own tools were called.
    """

    def __init__(self, tools: Mapping[str, ServerTool], numbering: Numbering) -> None:
        self._tools = tools
        self._numbering = numbering
        self._numbers: dict[int, int] = {}  # part of the step -> part of the response
        self._by_part: dict[int, RunCall] = {}
        self._output_parts: dict[
            int, RunCall | OutputText | OutputReasoning
        ] = {}  # part of the step -> what goes back to the model
        self.calls: list[RunCall] = []
        self.held: list[Event] = []
        self.finish: ResponseFinished | None = None
        self.has_client_call = False

    def feed(self, event: Event) -> Iterator[Event]:
        """Yield the events that the client may see at once."""
        match event:
            case ResponseStarted():
                yield event
            case ResponseFinished():
                self.finish = event
            case ToolCallStarted() if event.name in self._tools:
                self._begin_call(event)
            case ToolCallArgumentsDelta() if event.part in self._by_part:
                self._by_part[event.part].pieces.append(event.json)
            case _:
                yield from self._pass_on(event)

    def _begin_call(self, event: ToolCallStarted) -> None:
        call = RunCall(self._numbering.next_call(), event.name, self._tools[event.name])
        self._by_part[event.part] = self._output_parts[event.part] = call
        self.calls.append(call)

    def _pass_on(self, event: Event) -> Iterator[Event]:
        assert not isinstance(event, ResponseStarted | ResponseFinished)
        self._note(event)
        if event.part not in self._numbers:
            self._numbers[event.part] = self._numbering.next_part() if not self.calls else -1
        number = self._numbers[event.part]
        if self.calls:
            self.held.append(event)
        else:
            yield event if number == event.part else replace(event, part=number)

    def release(self) -> Iterator[Event]:
        """Yield the events that were held back, numbered after the results."""
        for event in self.held:
            assert not isinstance(event, ResponseStarted | ResponseFinished)
            if self._numbers[event.part] < 0:
                self._numbers[event.part] = self._numbering.next_part()
            yield replace(event, part=self._numbers[event.part])

    def _note(self, event: Event) -> None:
        """Note the output that goes back to the model with the results."""
        match event:
            case TextDelta() | RefusalDelta():
                self._part_of(event.part, OutputText).pieces.append(event.text)
            case ReasoningDelta():
                self._part_of(event.part, OutputReasoning).pieces.append(event.text)
            case ReasoningSignature():
                self._part_of(event.part, OutputReasoning).details = event.provider_details
            case ToolCallStarted():
                self.has_client_call = True

    def _part_of(self, part: int, kind: type[T]) -> T:
        """Return the output of a part so far."""
        output = self._output_parts.get(part)
        if not isinstance(output, kind):
            output = self._output_parts[part] = kind()
        return output

    def messages(self, results: list[ToolResult]) -> tuple[Message, Message]:
        """Return the messages that continue the conversation: the model's output, and the results."""
        output = tuple(self._output_parts[part].as_part() for part in sorted(self._output_parts))
        return Message("assistant", output), Message("user", tuple(results))
