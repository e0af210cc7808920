"""Validation of Responses requests.

Only fields that the bridge itself uses are checked; all others are left to upstream.
https://platform.openai.com/docs/api-reference/responses/create
"""

import re
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
from copilot_bridge.dialects.request_body import MODEL as MODEL_NAME
from copilot_bridge.dialects.request_body import check_body, read_body
from copilot_bridge.dialects.responses.conversations import CONVERSATION
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
    object_of,
    predicate,
    supported,
    unsupported,
)
from copilot_bridge.errors import InvalidRequest

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


FIELDS: Validators = {
    "stream": BOOLEAN,
    "store": BOOLEAN,
    "previous_response_id": predicate(
        "the id of a response",
        lambda value: isinstance(value, str) and value != "" and value.isprintable(),
        {"type": "string", "minLength": 1},
    ),
    "max_output_tokens": POSITIVE,
    "tools": LIST,
    "include": LIST,
    "reasoning": object_of(optional={"effort": EFFORT}),
    "text": OBJECT,
    "conversation": CONVERSATION,
    "prompt": unsupported("the bridge keeps no prompts: send the text itself"),
    "background": both(
        BOOLEAN,
        supported(
            lambda value: not value,
            "not here: only POST /v1/responses responds in the background",
            {"type": "boolean"},
        ),
    ),
}


def read(data: bytes) -> JsonObject:
    """Read a request body.

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
    if body.get("conversation") is not None and body.get("previous_response_id") is not None:
        raise InvalidRequest("conversation: not together with previous_response_id", param="conversation")


def check_input(where: str, input_: Any) -> None:
    if isinstance(input_, str):
        return
    if not isinstance(input_, list) or not input_:
        raise InvalidRequest(f"{where}: expected a string or a list of items", param=where)
    for index, item in enumerate(input_):
        if not isinstance(item, dict):
            raise InvalidRequest(f"{where}.{index}: expected an object", param=f"{where}.{index}")


INPUT = Validator(
    check_input, {"anyOf": [STRING.schema, {"type": "array", "items": OBJECT.schema, "minItems": 1}]}
)
REQUIRED: Validators = {"model": MODEL_NAME, "input": INPUT}


def items(body: JsonObject) -> list[dict[str, Any]]:
    input_ = body["input"]
    return input_ if isinstance(input_, list) else []


def as_items(input_: str | list[JsonObject]) -> list[JsonObject]:
    """Return an `input` as items."""
    if isinstance(input_, str):
        return [{"type": "message", "role": "user", "content": input_}]
    return input_


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"input.{index}.{field}.{part_index}", part, index, field == "output")
        for index, item in enumerate(items(body))
        for field in ("content", "output")
        for part_index, part in enumerate(item[field] if isinstance(item.get(field), list) else ())
        if isinstance(part, dict) and part.get("type") == "input_image"
    ]


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Yield each image with its part, including those in tool outputs."""
    for index, item in enumerate(items(body)):
        for field in ("content", "output"):
            parts = item.get(field)
            for part_index, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, dict) and part.get("type") == "input_image":
                    where = f"input.{index}.{field}.{part_index}.image_url"
                    yield ImageHolder(where, part, field == "output")


SYSTEM_ROLES = ("system", "developer")
TEXTS = ("input_text", "text")


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body), session(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """Yield the steps of the conversation.  System and developer messages are not steps."""
    if isinstance(body["input"], str):
        yield USER, body["input"]
    for item in items(body):
        if item.get("role") == "user":
            yield from ((USER, text) for text in [*texts(item.get("content"), TEXTS)] or [SOMETHING])
        elif str(item.get("type")).endswith("_output"):
            yield from RESULT
        elif item.get("role") not in SYSTEM_ROLES:
            yield MODEL, ""


def system(body: JsonObject) -> Iterator[str]:
    """Yield the instructions, and the other texts before the conversation."""
    yield from texts(body.get("instructions"), TEXTS)
    for item in takewhile(lambda item: item.get("role") in SYSTEM_ROLES, items(body)):
        yield from texts(item.get("content"), TEXTS)


def session(body: JsonObject) -> str:
    """Return Codex's session id, which it sends as `prompt_cache_key`.

    It has to be a UUID, since other clients have one key for all their requests.
    """
    key = body.get("prompt_cache_key")
    return key if isinstance(key, str) and UUID.fullmatch(key) else ""
