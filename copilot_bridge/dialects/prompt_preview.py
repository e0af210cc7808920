"""A one-line preview of a request's last user message, for any dialect."""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects import codec

MAX_PREVIEW_LENGTH = 200
CONVERSATION_FIELDS = ("messages", "input", "contents")


def prompt_preview(data: bytes) -> str:
    """Return the first line of the user's last text, or "" if there is none."""
    body = codec.read(data)
    messages = next((body[field] for field in CONVERSATION_FIELDS if body.get(field)), "")
    for text in reversed([*texts(messages)]):
        if first := next((line.strip() for line in text.splitlines() if line.strip()), ""):
            return first[:MAX_PREVIEW_LENGTH]
    return ""


def texts(messages: Any) -> Iterator[str]:
    """Yield the texts of the user's messages in order."""
    if isinstance(messages, str):
        yield messages
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, str):
            yield message
        elif isinstance(message, dict) and message.get("role") == "user":
            yield from parts(message.get("content") or message.get("parts"))


def parts(content: Any) -> Iterator[str]:
    """Yield the texts of a message's content."""
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]
