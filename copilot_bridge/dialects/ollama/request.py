"""Validation of Ollama's requests.

Everything is streamed unless a request says otherwise.
https://docs.ollama.com/api
"""

import re
from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.adaptation.media import media_type
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import (
    MODEL,
    RESULT,
    SOMETHING,
    USER,
    Conversation,
    Step,
    read_steps,
)
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.request_body import MODEL as MODEL_NAME
from copilot_bridge.dialects.request_body import check_body, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    OBJECT,
    STRING,
    Validators,
    list_of,
    object_of,
    one_of,
    predicate,
    string_or_list_of,
    supported,
)

THINK_LEVELS = ("low", "medium", "high", "max")

LATEST = ":latest"
BASE64 = re.compile(r"^(data:[\w/+.-]+;base64,)?[A-Za-z0-9+/]+={0,2}$")

OPTIONS: Validators = {
    "num_predict": INTEGER,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "stop": string_or_list_of(STRING),
}

THINK = predicate(
    f"true, false, {', '.join(THINK_LEVELS[:-1])} or {THINK_LEVELS[-1]}",
    lambda value: isinstance(value, bool) or value in THINK_LEVELS,
    {"anyOf": [BOOLEAN.schema, {"enum": [*THINK_LEVELS]}]},
)
FORMAT = predicate(
    '"json" or a JSON Schema',
    lambda value: value in ("", "json") or isinstance(value, dict),
    {"anyOf": [{"enum": ["", "json"]}, OBJECT.schema]},
)
NO_LOG_PROBABILITIES = supported(
    lambda wanted: wanted is False, "Copilot's models give no log probabilities here", {"const": False}
)
COMMON: Validators = {
    "stream": BOOLEAN,
    "format": FORMAT,
    "options": object_of({}, OPTIONS),
    "think": THINK,
    "logprobs": NO_LOG_PROBABILITIES,
}

IMAGE = predicate(
    "an image in base64",
    lambda value: isinstance(value, str) and BASE64.fullmatch(value) is not None,
    {"type": "string", "pattern": BASE64.pattern},
)
CALL = object_of(
    {"function": object_of({"name": STRING}, {"arguments": OBJECT})},
    {"id": STRING},
)
MESSAGE = object_of(
    {"role": one_of("system", "user", "assistant", "tool")},
    {
        "content": STRING,
        "thinking": STRING,
        "images": list_of(IMAGE),
        "tool_calls": list_of(CALL),
        "tool_name": STRING,
        "tool_call_id": STRING,
    },
)
TOOL = object_of(
    {"function": object_of({"name": STRING}, {"description": STRING, "parameters": OBJECT})},
    {"type": one_of("function")},
)
CHAT_FIELDS: Validators = {**COMMON, "messages": list_of(MESSAGE), "tools": list_of(TOOL)}
GENERATE_FIELDS: Validators = {
    **COMMON,
    "prompt": STRING,
    "suffix": STRING,
    "system": STRING,
    "images": list_of(IMAGE),
    "raw": BOOLEAN,
}
REQUIRED: Validators = {"model": MODEL_NAME}


def read(data: bytes, fields: Validators) -> JsonObject:
    """Read a request body.  Its model's name loses the tag that stands for the newest version.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, fields, body)
    body["model"] = without_tag(body["model"])
    body["stream"] = body.get("stream") is not False
    for holder in (body, *(body.get("messages") or ())):
        if holder.get("images"):
            holder["images"] = [image_part(data) for data in holder["images"]]
    return body


def read_name(data: bytes) -> JsonObject:
    """Read a request that only names a model; older clients call the field `name`."""
    body = read_body(data)
    body["model"] = body.get("model") or body.get("name")
    check_body(REQUIRED, {"stream": BOOLEAN}, body)
    body["model"] = without_tag(body["model"])
    return body


def without_tag(model: str) -> str:
    """Return a model's name without the tag that stands for the newest version."""
    return model.removesuffix(LATEST) or model


def image_part(data: str) -> JsonObject:
    """Return an image as an object that can be changed."""
    data = data.rpartition(",")[2]  # some clients send a data URL
    return {"type": "image", "media_type": media_type("image/png", data), "data": data}


def images(body: JsonObject) -> list[ImagePart]:
    return [
        ImagePart(f"{where}images.{position}", part, index, holder.get("role") == "tool")
        for index, (where, holder) in enumerate(holders(body))
        for position, part in enumerate(holder.get("images") or ())
    ]


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Yield the images that were not left out."""
    for image in images(body):
        if image.part["type"] == "image":
            yield ImageHolder(image.where, image.part, image.from_tool)


def holders(body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield what may have images, with its location."""
    if body.get("messages") is None:
        yield "", body
    for index, message in enumerate(body.get("messages") or ()):
        yield f"messages.{index}.", message


def is_load(body: JsonObject) -> bool:
    """Return whether a request only asks to load or unload the model, as one without a prompt does."""
    return not body.get("messages") and not body.get("prompt") and not body.get("images")


def read_conversation(body: JsonObject) -> Conversation:
    """Read the turns of a chat, or the single one of a generation."""
    messages = body.get("messages") or [{"role": "user", "content": body.get("prompt") or ""}]
    system = [message.get("content") or "" for message in messages if message["role"] == "system"]
    return read_steps(steps_of(messages), [*system, *filter(None, [body.get("system")])])


def steps_of(messages: list[JsonObject]) -> Iterator[Step]:
    for message in messages:
        text = message.get("content") or ""
        if message["role"] == "assistant":
            yield MODEL, text
        elif message["role"] == "tool":
            yield from RESULT
        elif message["role"] == "user":
            yield USER, text or SOMETHING


def options_of(body: JsonObject) -> dict[str, Any]:
    return body.get("options") or {}
