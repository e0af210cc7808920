"""Parts of a message's content in the forms of the other APIs."""

from collections.abc import Callable, Mapping
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.validation import (
    OBJECT,
    STRING,
    Validators,
    object_of,
    predicate,
    string_or_list_of,
)

TYPED = object_of({"type": STRING})
TEXT = object_of({"text": STRING})
SOURCE = object_of(optional={"type": STRING, "media_type": STRING, "data": STRING, "url": STRING})
INPUT = predicate("an object or a string", lambda value: isinstance(value, dict | str), {})

# Parts and blocks of the other APIs.
BLOCKS: Validators = {
    "tool_use": object_of({"id": STRING, "name": STRING}, optional={"input": INPUT}),
    "tool_result": object_of({"tool_use_id": STRING}, optional={"content": string_or_list_of(TYPED)}),
    "thinking": object_of(optional={"thinking": STRING, "signature": STRING}),
    "redacted_thinking": OBJECT,
    "image": object_of({"source": SOURCE}),
    "document": object_of({"source": SOURCE}, optional={"title": STRING}),
    "input_text": TEXT,
    "output_text": TEXT,
    "input_image": object_of({"image_url": STRING}),
    "input_file": object_of({"file_data": STRING}, optional={"filename": STRING}),
}


def kind_of(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else None


def check_blocks(where: str, parts: list[Any]) -> None:
    for index, part in enumerate(parts):
        if kind_of(part) in BLOCKS:
            BLOCKS[part["type"]].check(f"{where}.{index}", part)


def normalize_part(part: Any) -> Any:
    write = PARTS.get(kind_of(part))
    if write is None:
        return part
    cached = {key: part[key] for key in ("cache_control",) if key in part}
    return write(part) | cached


def write_image(part: JsonObject) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": address_of(part["source"])}}


def address_of(source: JsonObject) -> str:
    if source.get("type") == "url":
        return str(source.get("url") or "")
    return f"data:{source.get('media_type')};base64,{source.get('data')}"


def write_document(part: JsonObject) -> JsonObject:
    source = part["source"]
    if source.get("type") == "text":
        return write_text({"text": "\n".join(filter(None, (part.get("title"), source.get("data"))))})
    return write_file({"file_data": address_of(source), "filename": part.get("title")})


def write_file(part: JsonObject) -> JsonObject:
    name = part.get("filename") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": part["file_data"]}}


def write_text(part: JsonObject) -> JsonObject:
    return {"type": "text", "text": part["text"]}


PARTS: Mapping[str | None, Callable[[JsonObject], JsonObject]] = {
    "input_text": write_text,
    "output_text": write_text,
    "input_image": lambda part: {"type": "image_url", "image_url": {"url": part["image_url"]}},
    "image": write_image,
    "document": write_document,
    "input_file": write_file,
}
