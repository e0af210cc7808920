"""Validation of Chat Completions requests.

Only fields that the bridge itself uses are checked; all others are left to upstream.
https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from copilot_bridge.dialects.chat.server_tools import OPTIONS
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
from copilot_bridge.dialects.request_body import MODEL as MODEL_NAME
from copilot_bridge.dialects.request_body import check_body, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    LIST,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    both,
    list_of,
    reject,
    supported,
)
from copilot_bridge.errors import InvalidRequest

# Optional fields that the bridge itself reads.
FIELDS: Validators = {
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "max_tokens": POSITIVE,
    "max_completion_tokens": POSITIVE,
    "n": both(
        POSITIVE, supported(lambda n: n == 1, "Copilot returns one response per request", {"const": 1})
    ),
    "tools": LIST,
    "modalities": both(
        LIST,
        supported(
            lambda modalities: all(modality == "text" for modality in modalities),
            "Copilot's models respond in text",
            {"items": {"const": "text"}},
        ),
    ),
    "web_search_options": OPTIONS,
    "reasoning_effort": EFFORT,
}

CONTENT = (str, list, type(None))
TEXTS = ("text",)


def read(data: bytes) -> JsonObject:
    """Read a request body in chat's own form.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = read_body(data)
    check(body)
    return body


def check(body: JsonObject) -> None:
    """Validate a body.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    check_body(REQUIRED, FIELDS, body)


def check_messages(where: str, messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest(f"{where}: expected a list with at least one message", param=where)
    for index, message in enumerate(messages):
        if problem := problem_of(message):
            path, expected = problem
            reject(f"{where}.{index}{path}", expected)


def problem_of(message: Any) -> tuple[str, str] | None:
    """Return what is wrong in a message: (the path below it, what is expected there)."""
    if not isinstance(message, dict):
        return "", "an object"
    if not isinstance(message.get("role"), str):
        return ".role", "a string"
    content = message.get("content")
    if not isinstance(content, CONTENT):
        return ".content", "a string, a list of parts or null"
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(part, dict):
            return f".content.{index}", "an object"
    return None


MESSAGE: JsonObject = {
    "type": "object",
    "properties": {
        "role": STRING.schema,
        "content": {"anyOf": [STRING.schema, list_of(OBJECT).schema, {"type": "null"}]},
    },
    "required": ["role"],
}
REQUIRED: Validators = {
    "model": MODEL_NAME,
    "messages": Validator(check_messages, {"type": "array", "items": MESSAGE, "minItems": 1}),
}


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
    """Return whether the request offers custom tools or has called one."""
    calls = (call for message in body["messages"] for call in list_or_empty(message.get("tool_calls")))
    return any(
        isinstance(tool, dict) and tool.get("type") == "custom"
        for tool in (*list_or_empty(body.get("tools")), *calls)
    )


def wants_usage(body: JsonObject) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
