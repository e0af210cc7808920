"""Validation of Gemini requests.

Only fields that the bridge itself uses are checked; others are checked as the request is translated.
https://ai.google.dev/api/generate-content
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import (
    MODEL,
    SOMETHING,
    TOOL,
    USER,
    Conversation,
    Step,
    read_steps,
)
from copilot_bridge.dialects.gemini.schema import CONTENT as CONTENT_VALIDATOR
from copilot_bridge.dialects.gemini.schema import is_image
from copilot_bridge.dialects.gemini.spelling import COUNT_REQUEST, REQUEST, with_one_spelling
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.request_body import MODEL as MODEL_NAME
from copilot_bridge.dialects.request_body import check_body, read_body
from copilot_bridge.dialects.validation import LIST, OBJECT, STRING, Validator, Validators
from copilot_bridge.errors import InvalidRequest, Unsupported

COLLECTION = "models/"
COLLECTIONS = (COLLECTION, "tunedModels/")


def read(data: bytes, model: str, *, stream: bool) -> JsonObject:
    """Read a request body, with its fields in camel case.

    :param model: its name in the request's path.  :param stream: by the request's path, too.
    :raises InvalidRequest: a field is wrong; the error names it.
    """
    return checked(with_one_spelling(read_body(data), REQUEST), model, stream=stream)


def read_with_model(data: bytes) -> JsonObject:
    """Read a body that names the model itself, as the requests inside of others do.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = with_one_spelling(read_body(data), REQUEST)
    return checked(body, str(body.get("model") or ""), stream=False)


def read_count(data: bytes, model: str) -> JsonObject:
    """Read the body of a request that counts tokens: it has that of a whole request, or contents alone.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = with_one_spelling(read_body(data), COUNT_REQUEST)
    inner = body.get("generateContentRequest")
    return checked(inner if isinstance(inner, dict) else body, model, stream=False)


def checked(body: JsonObject, model: str, *, stream: bool) -> JsonObject:
    body = {**body, "model": model_name(model), "stream": stream}
    check_body(REQUIRED, FIELDS, body)
    return body


def model_name(name: str) -> str:
    """Return the name of a model without that of its collection."""
    for collection in COLLECTIONS:
        name = name.removeprefix(collection)
    return name


def check_contents(where: str, contents: Any) -> None:
    if not isinstance(contents, list) or not contents:
        raise InvalidRequest(f"{where}: expected a list with at least one content", param=where)
    for index, content in enumerate(contents):
        if problem := problem_of(content):
            path, expected = problem
            raise InvalidRequest(
                f"{where}.{index}{path}: expected {expected}", param=f"{where}.{index}{path}"
            )


def problem_of(content: Any) -> tuple[str, str] | None:
    """Return what is wrong in a content: (the path below it, what is expected there)."""
    if not isinstance(content, dict):
        return "", "an object with parts"
    parts = content.get("parts")
    if not isinstance(parts, list | None):
        return ".parts", "a list"
    for index, part in enumerate(parts or ()):
        if not isinstance(part, dict):
            return f".parts.{index}", "an object"
    return None


CONTENTS = Validator(check_contents, {"type": "array", "items": CONTENT_VALIDATOR.schema, "minItems": 1})
REQUIRED: Validators = {"model": MODEL_NAME, "contents": CONTENTS}
FIELDS: Validators = {"tools": LIST, "toolConfig": OBJECT, "generationConfig": OBJECT}

# Parts of a request as the description of the API shows them.
SYSTEM_INSTRUCTION: JsonObject = {"anyOf": [STRING.schema, CONTENT_VALIDATOR.schema]}


def images(body: JsonObject) -> list[ImagePart]:
    """List the images, those in the results of functions included."""
    return [
        ImagePart(where, part, index, from_tool)
        for index, content in enumerate(body["contents"])
        for where, part, from_tool in shown_parts(f"contents.{index}.parts", content.get("parts"))
        if has_image(part)
    ]


def shown_parts(where: str, parts: Any) -> Iterator[tuple[str, JsonObject, bool]]:
    """Yield (location, part, whether it is in the result of a function) for the parts of a content."""
    for index, part in enumerate(parts or ()):
        result = part.get("functionResponse")
        inner = result.get("parts") if isinstance(result, dict) else None
        for position, shown in enumerate(inner if isinstance(inner, list) else ()):
            if isinstance(shown, dict):
                yield f"{where}.{index}.functionResponse.parts.{position}", shown, True
        yield f"{where}.{index}", part, False


def has_image(part: JsonObject) -> bool:
    return any(
        isinstance(part.get(field), dict) and is_image(str(part[field].get("mimeType")))
        for field in ("inlineData", "fileData")
    )


def image_holders(body: JsonObject) -> Iterator[ImageHolder]:
    """Yield each image with its part."""
    for image in images(body):
        yield ImageHolder(image.where, image.part, image.from_tool)


def image_url(where: str, part: JsonObject) -> str | None:
    """Return the address of an image that is not in the request; None if it is.

    :raises Unsupported: it is a file at Google's.
    """
    file = part.get("fileData")
    if not isinstance(file, dict):
        return None
    url = str(file.get("fileUri") or "")
    if not url.startswith(("https://", "http://")) or "googleapis.com/" in url:
        raise Unsupported(f"{where}.fileData.fileUri: send the image as inlineData", param=where)
    return url


def read_conversation(body: JsonObject) -> Conversation:
    return read_steps(steps(body), system(body))


def steps(body: JsonObject) -> Iterator[Step]:
    for content in body["contents"]:
        if content.get("role") == "model":
            yield MODEL, ""
        else:
            yield from map(user_step, content.get("parts") or ())


def user_step(part: JsonObject) -> Step:
    if "functionResponse" in part:
        return TOOL, ""
    text = part.get("text")
    return USER, text if isinstance(text, str) else SOMETHING


def system(body: JsonObject) -> Iterator[str]:
    instruction = body.get("systemInstruction")
    if isinstance(instruction, str):
        yield instruction
    parts = instruction.get("parts") if isinstance(instruction, dict) else None
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]


def set_effort(body: JsonObject, effort: str) -> None:
    """Set the reasoning effort, unless the request says how much to think."""
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    if isinstance(thinking, dict) and not {"thinkingLevel", "thinkingBudget"} & thinking.keys():
        thinking = {**thinking, "thinkingLevel": effort.upper()}
        body["generationConfig"] = {**config, "thinkingConfig": thinking}
