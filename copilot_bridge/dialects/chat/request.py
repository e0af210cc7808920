"""Validation of Chat Completions requests.  https://platform.openai.com/docs/api-reference/chat/create

Only fields that the bridge itself uses are checked; all others are left to upstream.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import (
    MODEL,
    RESULT,
    SOMETHING,
    USER,
    Conversation,
    Step,
    read_steps,
    texts,
)
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.request_body import check_model, read_body
from copilot_bridge.dialects.validation import BOOLEAN, EFFORT, LIST, OBJECT, POSITIVE, Validators, validate
from copilot_bridge.errors import InvalidRequest, Unsupported

# Optional fields that the bridge itself reads.
FIELDS: Validators = {
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "max_tokens": POSITIVE,
    "max_completion_tokens": POSITIVE,
    "n": POSITIVE,
    "tools": LIST,
    "modalities": LIST,
    "reasoning_effort": EFFORT,
}

CONTENT = (str, list, type(None))
TEXTS = ("text",)


def read(data: bytes) -> JsonObject:
    """Read a request body.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = read_body(data)
    check_model(body)
    validate(FIELDS, body)
    if (body.get("n") or 1) > 1:
        raise Unsupported("n: Copilot gives one answer to a request", param="n")
    if any(modality != "text" for modality in body.get("modalities") or ()):
        raise Unsupported("modalities: Copilot's models answer in text", param="modalities")
    if body.get("web_search_options") is not None:
        raise Unsupported("web_search_options: Copilot's models do not search", param="web_search_options")
    check_messages(body.get("messages"))
    return body


def check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: expected a list with at least one message", param="messages")
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            raise InvalidRequest(f"{where}: expected an object", param=where)
        if not isinstance(message.get("role"), str):
            raise InvalidRequest(f"{where}.role: expected a string", param=f"{where}.role")
        content = message.get("content")
        if not isinstance(content, CONTENT):
            raise InvalidRequest(
                f"{where}.content: expected a string, a list of parts or null", param=f"{where}.content"
            )
        for part_index, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict):
                part_where = f"{where}.content.{part_index}"
                raise InvalidRequest(f"{part_where}: expected an object", param=part_where)


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"messages.{index}.content.{part_index}", part, index, message["role"] == "tool")
        for index, message in enumerate(body["messages"])
        for part_index, part in enumerate(list_or_empty(message.get("content")))
        if part.get("type") == "image_url"
    ]


def list_or_empty(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Yield each image with its `image_url` object.

    :raises InvalidRequest: an image has no URL.
    """
    for index, message in enumerate(body["messages"]):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for part_index, part in enumerate(content):
            if part.get("type") == "image_url":
                where = f"messages.{index}.content.{part_index}.image_url"
                image = part.get("image_url")
                if not isinstance(image, dict) or not isinstance(image.get("url"), str):
                    raise InvalidRequest(f"{where}: expected an object with a url", param=where)
                yield ImageHolder(f"{where}.url", image, message["role"] == "tool")


SYSTEM_ROLES = ("system", "developer")
RESULT_ROLES = ("tool", "function")


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """Yield the steps of the conversation.  System and developer messages are not steps."""
    for message in body["messages"]:
        role = message["role"]
        if role in RESULT_ROLES:
            yield from RESULT
        elif role == "assistant":
            yield MODEL, ""
        elif role not in SYSTEM_ROLES:
            yield from ((USER, text) for text in [*texts(message.get("content"), TEXTS)] or [SOMETHING])


def system(body: JsonObject) -> Iterator[str]:
    """Yield the texts before the conversation."""
    for message in takewhile(lambda message: message["role"] in SYSTEM_ROLES, body["messages"]):
        yield from texts(message.get("content"), TEXTS)


def has_custom_tools(body: JsonObject) -> bool:
    """Whether the request offers custom tools or has called one."""
    calls = (call for message in body["messages"] for call in list_or_empty(message.get("tool_calls")))
    return any(
        isinstance(tool, dict) and tool.get("type") == "custom"
        for tool in (*list_or_empty(body.get("tools")), *calls)
    )


def wants_usage(body: JsonObject) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
