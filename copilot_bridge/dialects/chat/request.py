"""What a Chat Completions client may send.  https://platform.openai.com/docs/api-reference/chat/create

Only what the bridge itself relies on is checked; every other field is upstream's to judge.
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

# Optional fields that the bridge reads, whoever the upstream is.
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
    """The body as a dict.  Raises InvalidRequest or Unsupported, naming the field."""
    body = read_body(data)
    check_model(body)
    validate(FIELDS, body)
    if (body.get("n") or 1) > 1:
        raise Unsupported("n: Copilot gives one answer to a request", param="n")
    if any(each != "text" for each in body.get("modalities") or ()):
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
        ImagePart(f"messages.{index}.content.{place}", part, index, message["role"] == "tool")
        for index, message in enumerate(body["messages"])
        for place, part in enumerate(listed(message.get("content")))
        if part.get("type") == "image_url"
    ]


def listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Each image, in its `image_url` object.  Raises InvalidRequest: it has no url."""
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


PROGRAMS = ("system", "developer")
RESULTS = ("tool", "function")


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """What a program says as system or developer is no step."""
    for message in body["messages"]:
        role = message["role"]
        if role in RESULTS:
            yield from RESULT
        elif role == "assistant":
            yield MODEL, ""
        elif role not in PROGRAMS:
            yield from ((USER, text) for text in [*texts(message.get("content"), TEXTS)] or [SOMETHING])


def system(body: JsonObject) -> Iterator[str]:
    """What stands before the conversation."""
    for message in takewhile(lambda each: each["role"] in PROGRAMS, body["messages"]):
        yield from texts(message.get("content"), TEXTS)


def has_custom_tools(body: JsonObject) -> bool:
    """It offers some, or has called one."""
    calls = (call for message in body["messages"] for call in listed(message.get("tool_calls")))
    return any(
        isinstance(each, dict) and each.get("type") == "custom"
        for each in (*listed(body.get("tools")), *calls)
    )


def wants_usage(body: JsonObject) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
