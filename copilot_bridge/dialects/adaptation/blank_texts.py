"""Texts of which nothing can be seen: Claude refuses them wherever they stand."""

from dataclasses import replace

from copilot_bridge.dialects.prompt import Message, Part, Prompt, Text, ToolResult

NO_CONTENT = "(no content)"  # where a person's turn would be empty
FAILED_WITHOUT_OUTPUT = "The tool failed and gave no output."


def is_blank(text: str) -> bool:
    return not text or text.isspace()


def remove_blank_texts(prompt: Prompt) -> Prompt:
    """Without blank texts, and without white space at the end of an answer that the model is to continue."""
    messages = tuple(new for each in prompt.messages if (new := without_blank_texts(each)))
    if messages and messages[-1].role == "assistant":
        messages = (*messages[:-1], trimmed(messages[-1]))
    return prompt if messages == prompt.messages else replace(prompt, messages=messages)


def without_blank_texts(message: Message) -> Message | None:
    """None: nothing is left of it.  A person has said something, and if it is nothing."""
    kept = tuple(without_blank_results(part) for part in message.parts if not is_unseen(part))
    if kept:
        return message if kept == message.parts else replace(message, parts=kept)
    return replace(message, parts=(Text(NO_CONTENT),)) if message.role == "user" else None


def without_blank_results(part: Part) -> Part:
    if not isinstance(part, ToolResult):
        return part
    kept = tuple(each for each in part.parts if not is_unseen(each))
    if part.is_error and not kept:
        kept = (Text(FAILED_WITHOUT_OUTPUT),)
    return part if kept == part.parts else replace(part, parts=kept)


def is_unseen(part: Part) -> bool:
    return isinstance(part, Text) and is_blank(part.text)


def trimmed(message: Message) -> Message:
    *before, last = message.parts
    if not isinstance(last, Text) or last.text == last.text.rstrip():
        return message
    return replace(message, parts=(*before, replace(last, text=last.text.rstrip())))
