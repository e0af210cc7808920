"""OpenAI's embeddings API.

Copilot takes only lists of strings, gives only floats, and leaves out `object` and `model`.
https://platform.openai.com/docs/api-reference/embeddings/create
"""

import base64
import struct
from typing import Any

import msgspec
import orjson

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.validation import POSITIVE, STRING, Validator, Validators, list_of, one_of
from copilot_bridge.errors import InvalidRequest, Unsupported, UpstreamRefused

FIELDS: Validators = {"encoding_format": one_of("float", "base64"), "dimensions": POSITIVE}


def read(data: bytes) -> JsonObject:
    """Read a request body, and make its `input` a list of strings.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, FIELDS, body)
    input_ = body["input"]
    body["input"] = [input_] if isinstance(input_, str) else input_
    return body


def check_input(where: str, value: Any) -> None:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest(f"{where}: expected a string or a list of strings", param=where)
    for index, text in enumerate(texts):
        if isinstance(text, int | list):
            raise Unsupported(f"{where}: Copilot embeds texts, not lists of token ids", param=where)
        if not isinstance(text, str):
            raise InvalidRequest(f"{where}.{index}: expected a string", param=f"{where}.{index}")


REQUIRED: Validators = {
    "model": MODEL,
    "input": Validator(check_input, {"anyOf": [STRING.schema, list_of(STRING).schema | {"minItems": 1}]}),
}


def write(body: JsonObject, model: str, max_texts: int) -> list[bytes]:
    """Write the bodies of Copilot's requests, each with at most `max_texts` texts."""
    dimensions = {"dimensions": body["dimensions"]} if body.get("dimensions") else {}
    texts = body["input"]
    batches = (texts[start : start + max_texts] for start in range(0, len(texts), max_texts))
    return [codec.write({"model": model, "input": batch, **dimensions}) for batch in batches]


def sizes(body: JsonObject, max_texts: int) -> list[int]:
    """Return the number of texts in each of Copilot's requests."""
    count = len(body["input"])
    return [min(max_texts, count - start) for start in range(0, count, max_texts)]


class Entry(msgspec.Struct):
    """A vector as Copilot sends it.  Its numbers are not read: they are most of an answer of megabytes."""

    embedding: msgspec.Raw
    index: int | None = None


class UpstreamResponse(msgspec.Struct):
    data: list[Entry]
    usage: JsonObject | None = None


DECODE = msgspec.json.Decoder(UpstreamResponse).decode


def merge_responses(
    responses: list[bytes], model: str, encoding_format: str | None, sizes: list[int] | None = None
) -> tuple[Pieces, JsonObject]:
    """Merge Copilot's responses into OpenAI's response, and return it with its token usage.

    :param sizes: the number of texts of each request, so that a missing vector does not shift the others.
    :raises UpstreamRefused: a response has no embeddings, or not all of them.
    """
    vectors: list[Any] = []
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    try:
        for index, response in enumerate(map(DECODE, responses)):
            entries = {
                n if entry.index is None else entry.index: entry for n, entry in enumerate(response.data)
            }
            wanted = range(sizes[index]) if sizes else sorted(entries)
            vectors += [encode(entries[position].embedding, encoding_format) for position in wanted]
            reported = response.usage or {}
            usage = {field: count + int(reported.get(field, 0)) for field, count in usage.items()}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error) as error:
        raise UpstreamRefused("Copilot's answer holds no embeddings, or not all of them") from error
    return write_response(vectors, model, usage), usage


def write_response(vectors: list[Any], model: str, usage: JsonObject) -> Pieces:
    """Write the frame around vectors that are JSON already."""
    parts: list[Any] = [b'{"object":"list","data":[']
    for position, vector in enumerate(vectors):
        comma = "," if position else ""
        parts += (f'{comma}{{"object":"embedding","index":{position},"embedding":'.encode(), vector, b"}")
    parts.append(b'],"model":' + orjson.dumps(model) + b',"usage":' + orjson.dumps(usage) + b"}")
    return Pieces(parts)


def encode(vector: msgspec.Raw, encoding_format: str | None) -> Any:
    """Encode a vector as OpenAI does in base64: 32-bit floats, little-endian.  The rest stays as it is.

    :return: JSON, as an object with a buffer.
    """
    written = memoryview(vector)
    if encoding_format != "base64" or bytes(written[:1]) == b'"':
        return written
    numbers = orjson.loads(written)
    return b'"' + base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)) + b'"'


DIALECT = Dialect(
    name="embeddings",
    title="Embeddings",
    endpoint="/embeddings",
    upstream_path="/embeddings",
    upstream_order=("embeddings",),
    write_error=write_error,
)
