"""What a Responses client may send.  https://platform.openai.com/docs/api-reference/responses/create

Only what the bridge itself relies on is checked; every other field is upstream's to judge.
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
from copilot_bridge.dialects.request_body import check_model, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    LIST,
    OBJECT,
    POSITIVE,
    Validators,
    object_of,
    predicate,
    validate,
)
from copilot_bridge.errors import InvalidRequest, Unsupported

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


FIELDS: Validators = {
    "stream": BOOLEAN,
    "store": BOOLEAN,
    "previous_response_id": predicate(
        "the id of a response", lambda value: isinstance(value, str) and value != "" and value.isprintable()
    ),
    "max_output_tokens": POSITIVE,
    "tools": LIST,
    "include": LIST,
    "reasoning": object_of(optional={"effort": EFFORT}),
    "text": OBJECT,
}

# What Copilot can't do, and the bridge does not do in its place.
REFUSED = {
    "conversation": "nothing is kept between two requests: send the whole conversation",
    "prompt": "stored prompts are not kept here: send the text itself",
}


def read(data: bytes) -> JsonObject:
    """The body as a dict, its `input` a list.  Raises InvalidRequest or Unsupported, naming the field."""
    body = read_body(data)
    check_model(body)
    validate(FIELDS, body)
    for field, reason in REFUSED.items():
        if body.get(field) is not None:
            raise Unsupported(f"{field}: {reason}", param=field)
    if body.get("background"):
        raise Unsupported("background: an answer is given while the client waits", param="background")
    check_input(body.get("input"))
    return body


def check_input(given: Any) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list) or not given:
        raise InvalidRequest("input: expected a string or a list of items", param="input")
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise InvalidRequest(f"input.{index}: expected an object", param=f"input.{index}")


def items(body: JsonObject) -> list[dict[str, Any]]:
    given = body["input"]
    return given if isinstance(given, list) else []


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"input.{index}.{field}.{place}", part, index, field == "output")
        for index, item in enumerate(items(body))
        for field in ("content", "output")
        for place, part in enumerate(item[field] if isinstance(item.get(field), list) else ())
        if isinstance(part, dict) and part.get("type") == "input_image"
    ]


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Each image, in its part, those in tools' outputs included."""
    for index, item in enumerate(items(body)):
        for field in ("content", "output"):
            parts = item.get(field)
            for place, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, dict) and part.get("type") == "input_image":
                    where = f"input.{index}.{field}.{place}.image_url"
                    yield ImageHolder(where, part, field == "output")


PROGRAMS = ("system", "developer")
TEXTS = ("input_text", "text")


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body), session(body))


def steps(body: JsonObject) -> Iterator[Step]:
    """What a program says as developer is no step."""
    if isinstance(body["input"], str):
        yield USER, body["input"]
    for item in items(body):
        if item.get("role") == "user":
            yield from ((USER, text) for text in [*texts(item.get("content"), TEXTS)] or [SOMETHING])
        elif str(item.get("type")).endswith("_output"):
            yield from RESULT
        elif item.get("role") not in PROGRAMS:
            yield MODEL, ""


def system(body: JsonObject) -> Iterator[str]:
    """The instructions, and what else stands before the conversation."""
    yield from texts(body.get("instructions"), TEXTS)
    for item in takewhile(lambda each: each.get("role") in PROGRAMS, items(body)):
        yield from texts(item.get("content"), TEXTS)


def session(body: JsonObject) -> str:
    """Codex's.  Others have one `prompt_cache_key` for all that they send, so it has to be a UUID."""
    key = body.get("prompt_cache_key")
    return key if isinstance(key, str) and UUID.fullmatch(key) else ""
