"""OpenAI's embeddings.  https://platform.openai.com/docs/api-reference/embeddings/create

Copilot takes a list of texts only, answers in floats only, and leaves `object` and `model` out.
"""

import base64
import struct
from typing import Any

import orjson

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.request_body import check_model, read_body
from copilot_bridge.dialects.validation import POSITIVE, Validators, one_of, validate
from copilot_bridge.errors import InvalidRequest, Unsupported, UpstreamRefused

FIELDS: Validators = {"encoding_format": one_of("float", "base64"), "dimensions": POSITIVE}


def read(data: bytes) -> JsonObject:
    """The body, its `input` a list of texts.  Raises InvalidRequest or Unsupported, naming the field."""
    body = read_body(data)
    check_model(body)
    given = body.get("input")
    body["input"] = texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest("input: expected a text or a list of texts", param="input")
    for index, text in enumerate(texts):
        if isinstance(text, int | list):
            raise Unsupported("input: Copilot embeds texts, not token numbers", param="input")
        if not isinstance(text, str):
            raise InvalidRequest(f"input.{index}: expected a text", param=f"input.{index}")
    validate(FIELDS, body)
    return body


def write(body: JsonObject, model: str, most: int) -> list[bytes]:
    """What Copilot takes: at most so many texts at once, no `encoding_format`, no `user`."""
    dimensions = {"dimensions": body["dimensions"]} if body.get("dimensions") else {}
    texts = body["input"]
    parts = (texts[start : start + most] for start in range(0, len(texts), most))
    return [codec.write({"model": model, "input": part, **dimensions}) for part in parts]


def sizes(body: JsonObject, most: int) -> list[int]:
    """How many texts each part has."""
    count = len(body["input"])
    return [min(most, count - start) for start in range(0, count, most)]


def merge_responses(
    replies: list[bytes], model: str, encoding_format: str | None, parts: list[int] | None = None
) -> tuple[bytes, JsonObject]:
    """Copilot's answers to the parts of one request -> OpenAI's answer, and the usage in it.

    :param parts: how many texts each part had: a vector that is missing must not shift the others.
    :raises UpstreamRefused: this is no answer.
    """
    vectors: list[Any] = []
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    try:
        for place, reply in enumerate(map(orjson.loads, replies)):
            entries = {entry.get("index", n): entry for n, entry in enumerate(reply["data"])}
            wanted = range(parts[place]) if parts else sorted(entries)
            vectors += [encode(entries[index]["embedding"], encoding_format) for index in wanted]
            told = reply.get("usage") or {}
            usage = {field: count + int(told.get(field, 0)) for field, count in usage.items()}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error) as error:
        raise UpstreamRefused("Copilot's answer holds no embeddings, or not all of them") from error
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": usage}), usage


def encode(vector: Any, encoding_format: str | None) -> Any:
    """base64 is that of little-endian 32-bit floats."""
    if encoding_format != "base64" or isinstance(vector, str):
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


DIALECT = Dialect(
    name="embeddings",
    title="Embeddings",
    endpoint="/embeddings",
    upstream_path="/embeddings",
    upstream_order=("embeddings",),
    write_error=write_error,
)
