"""What a Messages client may send.  https://docs.anthropic.com/en/api/messages

Only what the bridge itself relies on is checked; every other field is upstream's to judge.
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
from copilot_bridge.dialects.request_body import check_model, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    INTEGER,
    LIST,
    OBJECT,
    POSITIVE,
    Validators,
    object_of,
    validate,
)
from copilot_bridge.errors import InvalidRequest

FIELDS: Validators = {
    "stream": BOOLEAN,
    "max_tokens": POSITIVE,
    "tools": LIST,
    "tool_choice": OBJECT,
    "thinking": object_of(optional={"budget_tokens": INTEGER}),
    "output_config": object_of(optional={"effort": EFFORT}),
}

ROLES = ("user", "assistant", "system")
TEXTS = ("text",)


def read(data: bytes) -> JsonObject:
    """The body as a dict.  Raises InvalidRequest, naming the field."""
    body = read_body(data)
    check_model(body)
    validate(FIELDS, body)
    if not isinstance(body.get("system"), str | list | None):
        raise InvalidRequest("system: expected a string or a list of blocks", param="system")
    check_blocks("system", body.get("system"))
    check_messages(body.get("messages"))
    refuse_continuing(body.get("thread"))
    return body


def rename_form(body: JsonObject) -> bool:
    """Move `output_format`, its name in the beta of 2025, to where it is today.  True if it was there."""
    if "output_format" not in body:
        return False
    form = body.pop("output_format")
    if form is not None:
        body["output_config"] = {"format": form} | (body.get("output_config") or {})
    return True


def refuse_continuing(thread: Any) -> None:
    """Raises InvalidRequest: what was said before is not there.  Anthropic's SDK then sends all of it."""
    if isinstance(thread, dict) and thread.get("previous_message_id") is not None:
        raise InvalidRequest(
            "thread.previous_message_id: no thread is kept here: send the whole conversation",
            param="thread.previous_message_id",
            code="thread_not_found",
        )


def check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: expected a list with at least one message", param="messages")
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise InvalidRequest(f"{where}: expected an object with the role user or assistant", param=where)
        content = message.get("content")
        if not isinstance(content, str | list):
            raise InvalidRequest(f"{where}.content: expected a string or a list", param=f"{where}.content")
        check_blocks(f"{where}.content", content)


def check_blocks(where: str, content: Any) -> None:
    for place, block in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise InvalidRequest(f"{where}.{place}: expected an object with a type", param=f"{where}.{place}")


def blocks(body: JsonObject) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, the block) of each block of each message, those in tool results included."""
    for index, message in enumerate(body["messages"]):
        yield from walk(f"messages.{index}.content", message["content"])


def walk(where: str, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, dict):
            yield f"{where}.{place}", block
            yield from walk(f"{where}.{place}.content", block.get("content"))


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"{where}.{place}", block, index, inner)
        for index, message in enumerate(body["messages"])
        for where, content, inner in contents(f"messages.{index}.content", message["content"])
        for place, block in enumerate(content)
        if isinstance(block, dict) and block.get("type") == "image"
    ]


def contents(where: str, content: Any) -> Iterator[tuple[str, list[Any], bool]]:
    """A message's own, and those of the tools' results in it."""
    if not isinstance(content, list):
        return
    for place, block in enumerate(content):
        inner = block.get("content") if isinstance(block, dict) else None
        if isinstance(inner, list):
            yield f"{where}.{place}.content", inner, True
    yield where, content, False


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Each image, in its `source` object."""
    for image in images(body):
        if isinstance(image.part.get("source"), dict):
            yield ImageHolder(f"{image.where}.source", image.part["source"], image.from_tool)


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body), session(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """What Claude Code says as system in the middle is no step."""
    for message in body["messages"]:
        if message["role"] == "assistant":
            yield MODEL, ""
        elif message["role"] == "user":
            yield from user_steps(message["content"])


def user_steps(content: str | list[dict[str, Any]]) -> Iterator[Step]:
    for block in [content] if isinstance(content, str) else content:
        if isinstance(block, dict) and block["type"] == "tool_result":
            yield TOOL, REFERENCE if refers_to_tools(block) else ""
        else:
            yield from ((USER, text) for text in texts([block] if isinstance(block, dict) else block, TEXTS))


def system(body: JsonObject) -> Iterator[str]:
    return texts(body.get("system"), TEXTS)


def session(body: JsonObject) -> str:
    """Claude Code's `metadata.user_id` is `user_..._account_..._session_ID`, since 2026 an object as text."""
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return ""
    if user.startswith("{"):
        try:
            told = codec.read(user.encode())
        except ValueError:
            return ""
        return str(told.get("session_id") or "") if isinstance(told, dict) else ""
    return user.rpartition("_session_")[2] if "_session_" in user else ""


def refers_to_tools(block: dict[str, Any]) -> bool:
    content = block.get("content")
    given = content if isinstance(content, list) else []
    return any(isinstance(each, dict) and each.get("type") == "tool_reference" for each in given)
