"""Google's embeddings, by way of OpenAI's.

https://ai.google.dev/api/embeddings
"""

from collections.abc import Iterable
from typing import Any

import orjson

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.embeddings import DECODE_RESPONSE
from copilot_bridge.dialects.gemini.request import model_name
from copilot_bridge.dialects.gemini.spelling import (
    BATCH_EMBED_REQUEST,
    EMBED_REQUEST,
    with_one_spelling,
)
from copilot_bridge.dialects.request_body import MODEL, read_body
from copilot_bridge.dialects.validation import POSITIVE, STRING, Validators, list_of, object_of
from copilot_bridge.errors import InvalidRequest, Unsupported

CONTENT = object_of({"parts": list_of(object_of({"text": STRING}))})

# The fields of a request.  `taskType` and `title` are dropped: Copilot's models have one kind of embedding.
REQUIRED: Validators = {"content": CONTENT}
FIELDS: Validators = {"outputDimensionality": POSITIVE}
REQUEST = object_of(REQUIRED, FIELDS)


def read_single(data: bytes, model: str) -> JsonObject:
    """Read the body of embedContent as one of OpenAI's embeddings.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = with_one_spelling(read_body(data), EMBED_REQUEST)
    return as_openai([("", body)], model)


def read_batch(data: bytes, model: str) -> JsonObject:
    """Read the body of batchEmbedContents as one of OpenAI's embeddings.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    requests = with_one_spelling(read_body(data), BATCH_EMBED_REQUEST).get("requests")
    if not isinstance(requests, list) or not requests:
        raise InvalidRequest("requests: expected a list with at least one request", param="requests")
    return as_openai([(f"requests.{index}.", request) for index, request in enumerate(requests)], model)


def as_openai(requests: list[tuple[str, Any]], model: str) -> JsonObject:
    """Return OpenAI's body for these requests.

    :param requests: each with its location.
    """
    name = model_name(model)
    MODEL.check("model", name)
    for where, request in requests:
        check_request(where, request)
    sizes = {request.get("outputDimensionality") for _where, request in requests}
    if len(sizes) > 1:
        where = f"{requests[0][0]}outputDimensionality"
        raise Unsupported(f"{where}: has to be the same in all requests", param=where)
    (size,) = sizes
    body: JsonObject = {"model": name, "input": [text_in(request["content"]) for _where, request in requests]}
    return body | ({"dimensions": size} if size else {})


def check_request(where: str, request: Any) -> None:
    if not isinstance(request, dict):
        path = where.rstrip(".")
        raise InvalidRequest(f"{path}: expected an object", param=path)
    for name, validator in (*REQUIRED.items(), *FIELDS.items()):
        if name in REQUIRED or request.get(name) is not None:
            validator.check(f"{where}{name}", request.get(name))


def text_in(content: JsonObject) -> str:
    return "\n".join(part["text"] for part in content["parts"])


def write_single(response: Iterable[Any]) -> bytes:
    """Write the response of embedContent.

    :param response: the pieces of OpenAI's.
    """
    (embedding,) = values_in(response)
    return orjson.dumps({"embedding": embedding})


def write_batch(response: Iterable[Any]) -> bytes:
    """Write the response of batchEmbedContents.

    :param response: the pieces of OpenAI's.
    """
    return orjson.dumps({"embeddings": values_in(response)})


def values_in(response: Iterable[Any]) -> list[JsonObject]:
    """List the vectors as the bytes of OpenAI's response; their numbers are not read."""
    entries = DECODE_RESPONSE(b"".join(response)).data
    return [{"values": orjson.Fragment(bytes(memoryview(entry.embedding)))} for entry in entries]
