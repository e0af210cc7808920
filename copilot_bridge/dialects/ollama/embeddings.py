"""Ollama's embeddings, by way of OpenAI's.

https://docs.ollama.com/api/embed
"""

from collections.abc import Callable
from typing import Any

import orjson

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.embeddings import INPUT
from copilot_bridge.dialects.ollama.request import without_tag
from copilot_bridge.dialects.ollama.writer import nanoseconds
from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.validation import POSITIVE, STRING, Validators

# Left out, since they change nothing here: `truncate`, `options`, `keep_alive`.
EMBED: Validators = {"model": MODEL, "input": INPUT}
EMBEDDINGS: Validators = {"model": MODEL, "prompt": STRING}


def read_embed(data: bytes) -> JsonObject:
    """Read the body of `POST /api/embed` as one of OpenAI's embeddings.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    check_body(EMBED, {"dimensions": POSITIVE}, body)
    texts = body["input"]
    size = {"dimensions": body["dimensions"]} if body.get("dimensions") else {}
    return {"model": without_tag(body["model"]), "input": [texts] if isinstance(texts, str) else texts} | size


def read_embeddings(data: bytes) -> JsonObject:
    """Read the body of `POST /api/embeddings`, the older form for a single text.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    body = read_body(data)
    check_body(EMBEDDINGS, {}, body)
    return {"model": without_tag(body["model"]), "input": [body["prompt"]]}


def write_embed(response: Pieces, elapsed: Callable[[], float]) -> bytes:
    """Write the response of `POST /api/embed`.

    :param response: OpenAI's.  :param elapsed: returns the seconds since the request came.
    """
    read = orjson.loads(b"".join(response))
    return orjson.dumps(
        {
            "model": read["model"],
            "embeddings": vectors_in(read),
            "total_duration": nanoseconds(elapsed()),
            "load_duration": 0,
            "prompt_eval_count": read["usage"]["prompt_tokens"],
        }
    )


def write_embeddings(response: Pieces) -> bytes:
    """Write the response of `POST /api/embeddings`.

    :param response: OpenAI's.
    """
    (vector,) = vectors_in(orjson.loads(b"".join(response)))
    return orjson.dumps({"embedding": vector})


def vectors_in(response: JsonObject) -> list[Any]:
    return [entry["embedding"] for entry in response["data"]]
