"""What a request is about, in a line, whatever its dialect."""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects import codec

MAX_PREVIEW_LENGTH = 200


def prompt_preview(data: bytes) -> str:
    """Of what the person has said last; "" if there is nothing to read."""
    body = codec.read(data)
    said = body.get("messages") or body.get("input") or ""
    for text in reversed([*texts(said)]):
        if line := next((each.strip() for each in text.splitlines() if each.strip()), ""):
            return line[:MAX_PREVIEW_LENGTH]
    return ""


def texts(said: Any) -> Iterator[str]:
    """The texts of the person's messages, in their order."""
    if isinstance(said, str):
        yield said
    for each in said if isinstance(said, list) else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and each.get("role") == "user":
            yield from parts(each.get("content"))


def parts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]
