"""`POST /embeddings` with vectors made of the text's hash.

Equal texts have equal vectors, and others are far apart.
"""

from array import array
from hashlib import shake_256
from math import sqrt
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue
from copilot_bridge.simulator.directives import EMBEDDINGS, read
from copilot_bridge.simulator.faults import refuse_if_asked
from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.transport import Faults, deliver_whole
from copilot_bridge.simulator.world import world

PATH = "/embeddings"
DIMENSIONS = 1536
MAX_TOKENS = 8191  # of one input


def embed(caller: Caller) -> Response:
    """Responds with a vector for each text.

    `encoding_format` is ignored, as the real one may: vectors are lists of floats.  The body has no `object`
    and no `model`.
    """
    body = parse(request.get_data())
    if not isinstance(body, dict):
        raise Refused(invalid("failed to parse request body"))
    row = catalogue.pick(body.get("model"), caller, PATH, kind="embeddings")
    texts = read_inputs(body.get("input"), row)
    asked = read("\n".join(texts), world().directives)
    asked.allow(EMBEDDINGS, stream=False)
    refuse_if_asked(asked, body)
    size = read_dimensions(body, row)
    tokens = sum(max(1, len(text) // 4) for text in texts)
    data = [
        {"embedding": vector(text, size), "index": index, "object": "embedding"}
        for index, text in enumerate(texts)
    ]
    response = {"data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return deliver_whole(orjson.dumps(response), Faults.asked(asked))


def read_inputs(given: object, row: catalogue.Row) -> list[str]:
    """The texts of a request.

    :raise Refused: a bare string, token arrays, too many or too long texts.
    """
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise Refused(invalid("input: expected an array of strings"))
    limit = row["capabilities"]["limits"]["max_inputs"]
    if not 1 <= len(given) <= limit:
        raise Refused(invalid(f"input: expected 1 to {limit} texts, got {len(given)}"))
    if any(len(text) // 4 > MAX_TOKENS for text in given):
        raise Refused(invalid(f"input: a text is longer than {MAX_TOKENS} tokens"))
    return given


def read_dimensions(body: dict[str, Any], row: catalogue.Row) -> int:
    """The number of dimensions that a request asks for.

    :raise Refused: the model has no choice of dimensions, or the number is impossible.
    """
    wanted = body.get("dimensions")
    if wanted is None:
        return DIMENSIONS
    if not row["capabilities"]["supports"].get("dimensions"):
        raise Refused(invalid("This model does not support specifying dimensions."))
    if not isinstance(wanted, int) or not 1 <= wanted <= DIMENSIONS:
        raise Refused(invalid(f"dimensions: expected 1 to {DIMENSIONS}"))
    return wanted


def vector(text: str, size: int) -> list[float]:
    """A vector of length 1."""
    numbers = array("h", shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * size))
    length = sqrt(sum(number * number for number in numbers)) or 1.0
    return [round(number / length, 8) for number in numbers]


ROUTES = (("POST", PATH, embed),)
