"""Tool results immediately after their calls; what was between them follows."""

from collections.abc import Iterator

from msgspec.structs import replace

from copilot_bridge.dialects.prompt import Message, Part, Prompt, Reasoning, Text, ToolCall, ToolResult

# Follows an assistant message that would be last, and that the model would continue instead of answering.
CONTINUE = Message("user", (Text("Please continue."),))


def move_results_to_calls(prompt: Prompt) -> Prompt:
    """Move tool results to their calls where assistant messages separate them."""
    if not are_separated(prompt):
        return prompt
    messages = [*with_results_after_calls(list(prompt.messages))]
    if prompt.messages[-1].role != "assistant":
        while is_thought(messages[-1]):  # it led to nothing, and no model takes it as the last word
            messages.pop()
        if messages[-1].role == "assistant":
            messages.append(CONTINUE)
    return replace(prompt, messages=tuple(messages))


def is_thought(message: Message) -> bool:
    """Return whether an assistant message is reasoning alone."""
    return message.role == "assistant" and all(isinstance(part, Reasoning) for part in message.parts)


def are_separated(prompt: Prompt) -> bool:
    """Return whether the assistant speaks again between a call and its result."""
    pending, missing = set[str](), set[str]()
    for message in prompt.messages:
        results = ids(ToolResult, message)
        if results & missing:
            return True
        pending -= results
        if message.role == "assistant":
            missing |= pending
            pending = ids(ToolCall, message)
    return False


def ids(kind: type[ToolCall] | type[ToolResult], message: Message) -> set[str]:
    return {part.id for part in message.parts if isinstance(part, kind)}


def with_results_after_calls(messages: list[Message]) -> Iterator[Message]:
    """Yield each message with calls, their results, and then what follows."""
    while messages:
        message = messages.pop(0)
        yield message
        called = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if called and message.role == "assistant":
            split = [take_results(later, called) for later in messages]
            messages = [later for later, _ in split if later.parts]
            if results := [part for _, parts in split for part in parts]:
                yield Message("user", tuple(results))


def take_results(message: Message, called: list[str]) -> tuple[Message, list[Part]]:
    """Return the message without the results of these calls, and those results."""
    results = [part for part in message.parts if isinstance(part, ToolResult) and part.id in called]
    if not results:
        return message, []
    return replace(message, parts=tuple(part for part in message.parts if part not in results)), [*results]
