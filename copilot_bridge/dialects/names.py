"""What a tool can be called wherever it may have to go: Messages take names twice as long as the others."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from copilot_bridge.dialects.turn import Message, Part, ToolCall, Turn

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


def short(name: str) -> str:
    """The same each time.  What can't be said everywhere is cut and told by its digest."""
    if NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{FORBIDDEN.sub('_', name)[:55]}_{digest}"


def shorten(turn: Turn) -> tuple[Turn, dict[str, str]]:
    """The turn with names that can be said everywhere, and what those that had to change were before."""
    new = {name: short(name) for name in names_in(turn) if not NAME.fullmatch(name)}
    if not new:
        return turn, {}
    choice = turn.tool_choice
    renamed = replace(
        turn,
        messages=tuple(rename_calls(message, new) for message in turn.messages),
        tools=tuple(replace(tool, name=new.get(tool.name, tool.name)) for tool in turn.tools),
        tool_choice=replace(choice, name=new.get(choice.name, choice.name))
        if choice and choice.name
        else choice,
    )
    return renamed, {after: before for before, after in new.items()}


def names_in(turn: Turn) -> Iterator[str]:
    """Of what is offered, and of what was called before."""
    yield from (tool.name for tool in turn.tools)
    for message in turn.messages:
        yield from (part.name for part in message.parts if isinstance(part, ToolCall))


def rename_calls(message: Message, new: dict[str, str]) -> Message:
    def rename(part: Part) -> Part:
        return replace(part, name=new[part.name]) if isinstance(part, ToolCall) and part.name in new else part

    return replace(message, parts=tuple(map(rename, message.parts)))
