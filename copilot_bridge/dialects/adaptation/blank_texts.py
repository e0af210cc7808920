"""Removal of blank texts, which Claude refuses wherever they are."""

from msgspec.structs import replace

from copilot_bridge.dialects.prompt import Message, Part, Prompt, Text, ToolResult

NO_CONTENT = "(no content)"  # where a user's turn would be empty
FAILED_WITHOUT_OUTPUT = "The tool failed and gave no output."


def is_blank(text: str) -> bool:
    return not text or text.isspace()


def remove_blank_texts(prompt: Prompt) -> Prompt:
    """Remove blank texts.

    White space at the end of an assistant message that the model is to continue is removed, too.
    """
    messages = tuple(kept for message in prompt.messages if (kept := without_blank_texts(message)))
    if messages and messages[-1].role == "assistant":
        messages = (*messages[:-1], without_trailing_space(messages[-1]))
    return prompt if messages == prompt.messages else replace(prompt, messages=messages)


def without_blank_texts(message: Message) -> Message | None:
    """Return a message without blank texts.

    None: nothing is left of it.  A user message is kept with a placeholder, since a user has taken a turn.
    """
    kept = tuple(without_blank_results(part) for part in message.parts if not is_blank_text(part))
    if kept:
        return message if kept == message.parts else replace(message, parts=kept)
    return replace(message, parts=(Text(NO_CONTENT),)) if message.role == "user" else None


def without_blank_results(part: Part) -> Part:
    if not isinstance(part, ToolResult):
        return part
    kept = tuple(inner for inner in part.parts if not is_blank_text(inner))
    if part.is_error and not kept:
        kept = (Text(FAILED_WITHOUT_OUTPUT),)
    return part if kept == part.parts else replace(part, parts=kept)


def is_blank_text(part: Part) -> bool:
    return isinstance(part, Text) and is_blank(part.text)


def without_trailing_space(message: Message) -> Message:
    *others, last = message.parts
    if not isinstance(last, Text) or last.text == last.text.rstrip():
        return message
    return replace(message, parts=(*others, replace(last, text=last.text.rstrip())))
