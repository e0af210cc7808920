"""Validation of Messages requests.

Only fields that the bridge itself uses are checked; all others are left to upstream.
https://docs.anthropic.com/en/api/messages
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import (
    MODEL,
    REFERENCE,
    TOOL,
    USER,
    Conversation,
    Step,
    read_steps,
    texts,
)
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.request_body import MODEL as MODEL_NAME
from copilot_bridge.dialects.request_body import check_body, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    INTEGER,
    LIST,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    object_of,
    reject,
)
from copilot_bridge.errors import InvalidRequest

ROLES = ("user", "assistant", "system")
TEXTS = ("text",)


def read(data: bytes) -> JsonObject:
    """Read a request body.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, FIELDS, body)
    refuse_thread(body.get("thread"))
    return body


def move_output_format(body: JsonObject) -> bool:
    """Move `output_format`, the name in the beta of 2025, to its current place.

    Returns whether it was there.
    """
    if "output_format" not in body:
        return False
    output_format = body.pop("output_format")
    if output_format is not None:
        body["output_config"] = {"format": output_format} | (body.get("output_config") or {})
    return True


def refuse_thread(thread: Any) -> None:
    """Refuse to continue a thread.

    Anthropic's SDK then sends the whole conversation.

    :raises InvalidRequest: the request continues a thread, of which the bridge keeps nothing.
    """
    if isinstance(thread, dict) and thread.get("previous_message_id") is not None:
        raise InvalidRequest(
            "thread.previous_message_id: the bridge keeps no threads: send the whole conversation",
            param="thread.previous_message_id",
            code="thread_not_found",
        )


def check_messages(where: str, messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest(f"{where}: expected a list with at least one message", param=where)
    for index, message in enumerate(messages):
        if problem := problem_of(message):
            path, expected = problem
            reject(f"{where}.{index}{path}", expected)


def problem_of(message: Any) -> tuple[str, str] | None:
    """Return what is wrong in a message: (the path below it, what is expected there)."""
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        return "", "an object with the role user or assistant"
    content = message.get("content")
    if not isinstance(content, str | list):
        return ".content", "a string or a list"
    return problem_of_blocks(content, ".content")


def problem_of_blocks(content: Any, path: str = "") -> tuple[str, str] | None:
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            return f"{path}.{index}", "an object with a type"
    return None


def check_system(where: str, system: Any) -> None:
    if not isinstance(system, str | list):
        raise InvalidRequest(f"{where}: expected a string or a list of blocks", param=where)
    if problem := problem_of_blocks(system):
        path, expected = problem
        reject(f"{where}{path}", expected)


BLOCK: JsonObject = {"type": "object", "properties": {"type": STRING.schema}, "required": ["type"]}
TEXT_OR_BLOCKS: JsonObject = {"anyOf": [STRING.schema, {"type": "array", "items": BLOCK}]}
MESSAGE: JsonObject = {
    "type": "object",
    "properties": {"role": {"enum": [*ROLES]}, "content": TEXT_OR_BLOCKS},
    "required": ["role", "content"],
}
REQUIRED: Validators = {
    "model": MODEL_NAME,
    "messages": Validator(check_messages, {"type": "array", "items": MESSAGE, "minItems": 1}),
}
FIELDS: Validators = {
    "stream": BOOLEAN,
    "max_tokens": POSITIVE,
    "tools": LIST,
    "tool_choice": OBJECT,
    "thinking": object_of(optional={"budget_tokens": INTEGER}),
    "output_config": object_of(optional={"effort": EFFORT}),
    "system": Validator(check_system, TEXT_OR_BLOCKS),
}


def blocks(body: JsonObject) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (location, block) for each block of each message, including those in tool results."""
    for index, message in enumerate(body["messages"]):
        yield from walk(f"messages.{index}.content", message["content"])


def walk(where: str, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, dict):
            yield f"{where}.{index}", block
            yield from walk(f"{where}.{index}.content", block.get("content"))


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"{where}.{block_index}", block, index, from_tool)
        for index, message in enumerate(body["messages"])
        for where, content, from_tool in content_lists(f"messages.{index}.content", message["content"])
        for block_index, block in enumerate(content)
        if isinstance(block, dict) and block.get("type") == "image"
    ]


def content_lists(
    where: str, content: Any, *, from_tool: bool = False
) -> Iterator[tuple[str, list[Any], bool]]:
    """Yield the lists of blocks in a message: its own, and those of tool results and documents in it.

    Each comes with its location and with whether it is in a tool result.
    """
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            continue
        yield from content_lists(f"{where}.{index}.content", block.get("content"), from_tool=True)
        if isinstance(source := block.get("source"), dict):
            inner = f"{where}.{index}.source.content"
            yield from content_lists(inner, source.get("content"), from_tool=from_tool)
    yield where, content, from_tool


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Yield each image with its `source` object."""
    for image in images(body):
        if isinstance(image.part.get("source"), dict):
            yield ImageHolder(f"{image.where}.source", image.part["source"], image.from_tool)


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body), session(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """Yield the steps of the conversation.  Claude Code's system messages in the middle are not steps."""
    for message in body["messages"]:
        if message["role"] == "assistant":
            yield MODEL, ""
        elif message["role"] == "user":
            yield from user_steps(message["content"])


def user_steps(content: str | list[dict[str, Any]]) -> Iterator[Step]:
    for block in [content] if isinstance(content, str) else content:
        if isinstance(block, dict) and block["type"] == "tool_result":
            yield TOOL, REFERENCE if announces_tools(block) else ""
        else:
            yield from ((USER, text) for text in texts([block] if isinstance(block, dict) else block, TEXTS))


def system(body: JsonObject) -> Iterator[str]:
    return texts(body.get("system"), TEXTS)


def session(body: JsonObject) -> str:
    """Return the session id in Claude Code's `metadata.user_id`.

    It has the form `user_..._account_..._session_ID`, and is a JSON object as text since 2026.
    """
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return ""
    if user.startswith("{"):
        try:
            fields = codec.read(user.encode())
        except ValueError:
            return ""
        return str(fields.get("session_id") or "") if isinstance(fields, dict) else ""
    return user.rpartition("_session_")[2] if "_session_" in user else ""


def announces_tools(block: dict[str, Any]) -> bool:
    content = block.get("content")
    listed = content if isinstance(content, list) else []
    return any(isinstance(block, dict) and block.get("type") == "tool_reference" for block in listed)
