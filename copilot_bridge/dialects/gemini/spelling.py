"""One spelling for the fields of a body.

Google's API takes each field in camel case and in snake case, and its SDK for Python mixes both in one body.
Where a list is expected it also takes a single value.  Objects whose members clients name themselves, such as
the arguments of a call, are left alone.
"""

import re
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest

Shape = dict[str, Any]
"""The fields of an object that have objects or lists inside: field -> shape, or [shape] for a list of them.

An empty list is one of plain values.  Of a field that is not named here, nothing inside is changed.
"""

PART: Shape = {
    "inlineData": {},
    "fileData": {},
    "functionCall": {},
    "functionResponse": {"parts": [{"inlineData": {}, "fileData": {}}]},
}
CONTENT: Shape = {"parts": [PART]}

REQUEST: Shape = {
    "contents": [CONTENT],
    "systemInstruction": CONTENT,
    "tools": [{"functionDeclarations": [{}], "googleSearch": {"excludeDomains": []}, "urlContext": {}}],
    "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": []}},
    "generationConfig": {"stopSequences": [], "responseModalities": [], "thinkingConfig": {}},
}
COUNT_REQUEST: Shape = {**REQUEST, "generateContentRequest": REQUEST}
EMBED_REQUEST: Shape = {"content": CONTENT, "embedContentConfig": {}}
BATCH_EMBED_REQUEST: Shape = {"requests": [EMBED_REQUEST]}

WORD_START = re.compile(r"(?<=[A-Za-z0-9])_([a-z0-9])")


def camel_case(name: str) -> str:
    return WORD_START.sub(lambda match: match[1].upper(), name) if "_" in name else name


def with_one_spelling(body: JsonObject, shape: Shape, where: str = "") -> JsonObject:
    """Return the body with its fields in camel case, and lists where lists are expected.

    :param where: the location of the body in the request, such as "contents.0.".
    :raises InvalidRequest: a field is given in both spellings.
    """
    spelled: JsonObject = {}
    for name, value in body.items():
        field = camel_case(name)
        if field in spelled:
            raise InvalidRequest(f"{where}{field}: given in two spellings", param=f"{where}{field}")
        spelled[field] = spell(value, shape[field], f"{where}{field}") if field in shape else value
    return spelled


def spell(value: Any, shape: Shape | list[Shape], where: str) -> Any:
    """Return a value of this shape with one spelling.  One of another type is returned as it is."""
    if isinstance(shape, dict):
        return with_one_spelling(value, shape, f"{where}.") if isinstance(value, dict) else value
    if not shape:
        return [value] if isinstance(value, str) else value
    listed = [value] if isinstance(value, dict) else value
    if not isinstance(listed, list):
        return value
    return [spell(member, shape[0], f"{where}.{index}") for index, member in enumerate(listed)]
