"""The results of calls directly behind them: what was said in between follows."""

from collections.abc import Iterator
from dataclasses import replace

from copilot_bridge.dialects.prompt import Message, Part, Prompt, Text, ToolCall, ToolResult

# Where a note would be the end, which a model would continue instead of answering.
GO_ON = Message("user", (Text("Please continue."),))


def move_results_to_calls(prompt: Prompt) -> Prompt:
    if not are_parted(prompt):
        return prompt
    spoken = [*gathered(list(prompt.messages))]
    if spoken[-1].role == "assistant" and prompt.messages[-1].role != "assistant":
        spoken.append(GO_ON)
    return replace(prompt, messages=tuple(spoken))


def are_parted(prompt: Prompt) -> bool:
    """The assistant speaks again between a call and its result."""
    called, missing = set[str](), set[str]()
    for message in prompt.messages:
        given = ids(ToolResult, message)
        if given & missing:
            return True
        called -= given
        if message.role == "assistant":
            missing |= called
            called = ids(ToolCall, message)
    return False


def ids(kind: type[ToolCall] | type[ToolResult], message: Message) -> set[str]:
    return {part.id for part in message.parts if isinstance(part, kind)}


def gathered(messages: list[Message]) -> Iterator[Message]:
    """Each message with calls, their results, and the rest of what follows."""
    while messages:
        message = messages.pop(0)
        yield message
        called = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if called and message.role == "assistant":
            taken = [take_results(each, called) for each in messages]
            messages = [each for each, _ in taken if each.parts]
            if results := [part for _, parts in taken for part in parts]:
                yield Message("user", tuple(results))


def take_results(message: Message, called: list[str]) -> tuple[Message, list[Part]]:
    """The message without those results, and those."""
    mine = [part for part in message.parts if isinstance(part, ToolResult) and part.id in called]
    if not mine:
        return message, []
    return replace(message, parts=tuple(part for part in message.parts if part not in mine)), [*mine]
