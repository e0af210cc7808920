"""What a Messages client may send.  https://docs.anthropic.com/en/api/messages

Only what the bridge itself relies on is checked; every other field is upstream's to judge.
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.chat.request import check_model, read_object
from copilot_bridge.dialects.shapes import FLAG, LIST, OBJECT, POSITIVE, WHOLE, Table, check, fields
from copilot_bridge.errors import InvalidRequest

Body = dict[str, Any]

FIELDS: Table = {
    "stream": FLAG,
    "max_tokens": POSITIVE,
    "tools": LIST,
    "tool_choice": OBJECT,
    "thinking": fields(maybe={"budget_tokens": WHOLE}),
    "output_config": OBJECT,
}

ROLES = ("user", "assistant", "system")

# What Claude Code puts beside a tool's result; nobody has typed it.
REMINDER = "<system-reminder>"
TOOL_LOADED = "Tool loaded."  # behind a result that refers to deferred tools


def read(data: bytes) -> Body:
    """The body as a dict.  Raises InvalidRequest, naming the field."""
    body = read_object(data)
    check_model(body)
    check(FIELDS, body)
    if not isinstance(body.get("system"), str | list | None):
        raise InvalidRequest("system: expected a text or a list of blocks", param="system")
    check_blocks("system", body.get("system"))
    check_messages(body.get("messages"))
    return body


def check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: expected a list with at least one message", param="messages")
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise InvalidRequest(f"{where}: expected an object with the role user or assistant", param=where)
        content = message.get("content")
        if not isinstance(content, str | list):
            raise InvalidRequest(f"{where}.content: expected a text or a list", param=f"{where}.content")
        check_blocks(f"{where}.content", content)


def check_blocks(where: str, content: Any) -> None:
    for place, block in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise InvalidRequest(f"{where}.{place}: expected an object with a type", param=f"{where}.{place}")


def blocks(body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, the block) of each block of each message, those in tool results included."""
    for index, message in enumerate(body["messages"]):
        yield from walk(f"messages.{index}.content", message["content"])


def walk(where: str, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, dict):
            yield f"{where}.{place}", block
            yield from walk(f"{where}.{place}.content", block.get("content"))


def image_sources(body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, its `source` object) of each image."""
    for where, block in blocks(body):
        if block.get("type") == "image" and isinstance(block.get("source"), dict):
            yield f"{where}.source", block["source"]


def initiator(body: Body) -> str:
    """Whose turn it is: a person's ("user") or the tool loop's ("agent").

    Told by the last message, as the official bridges do.  One that is made of tool results, and of
    nothing else but what Claude Code puts beside them, goes on with a turn; anything that was typed
    begins one.
    """
    spoken = [message for message in body["messages"] if message["role"] != "system"]
    if not spoken:
        return "user"
    if spoken[-1]["role"] == "assistant":
        return "agent"
    content = spoken[-1]["content"]
    given = content if isinstance(content, list) else []
    typed = any(is_typed(block, given[:place]) for place, block in enumerate(given))
    return "agent" if any(map(is_result, given)) and not typed else "user"


def is_typed(block: dict[str, Any], before: list[dict[str, Any]]) -> bool:
    """`before`: what stands before it in the message."""
    if is_result(block):
        return False
    text = str(block.get("text", "")).strip() if block.get("type") == "text" else ""
    if text == TOOL_LOADED:
        return not any(map(refers_to_tools, before))
    return not text.startswith(REMINDER)


def is_result(block: dict[str, Any]) -> bool:
    return block.get("type") == "tool_result"


def refers_to_tools(block: dict[str, Any]) -> bool:
    content = block.get("content")
    given = content if is_result(block) and isinstance(content, list) else []
    return any(isinstance(each, dict) and each.get("type") == "tool_reference" for each in given)
