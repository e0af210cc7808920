"""JSON by orjson, the fastest there is, and by the standard library where orjson is too strict:
a model can write half a surrogate pair, which is no Unicode and yet goes over the wire as an escape.
"""

import json
from typing import Any

import orjson


def read(data: bytes) -> Any:
    """Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in str(error):
            raise
    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def write(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
