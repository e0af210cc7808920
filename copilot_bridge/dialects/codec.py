"""JSON in and out, in which every number stays as it was written.

Bodies and answers are read, changed and written anew, and the numbers in them (an order's id of 22 digits in
a tool's arguments, a limit in its schema) are not ours to round.  So:

- Integers of any length are integers.  Longer ones than Python reads (4,300 digits) are refused.
- A number with a point or an exponent is a float that remembers its spelling where Python would write it
  otherwise: 1E400, 1.10, 0.1234567890123456789.
- -0 is 0; -0.0 stays.
- NaN and Infinity are no JSON, and are refused.
- Of two members of one name the last counts, as everywhere else.
- Half a surrogate pair, which a model can write, is no Unicode and yet goes over the wire as an escape: it
  stays.

Measured on Python 3.11, in µs, msgspec 0.23, orjson 3.13, the standard library, python-rapidjson 1.25:

                                          msgspec  orjson  json  rapidjson
    reading a prompt of 2 MB                 1495    3251  3257       3529
    reading an agent's body of 300 kB         230     221   589        454
    reading an event of a stream              0.5     0.6   2.8        1.4
    writing a prompt of 2 MB                  584     206  5081       5844
    writing an agent's body of 300 kB         132      83   957       1355
    writing an event of a stream              0.3     0.2   3.5        1.0

orjson makes floats of long integers, so msgspec reads (it shows each float as it is spelled, and costs
nothing where there is none); orjson writes, and msgspec what is too long for orjson.  To search a body for
long numbers first, and to read by an exact codec only where there are some, takes longer than the reading
itself: 2.4 to 36 ms for 2 MB.
"""

import json
from typing import Any

import msgspec
import orjson

JsonObject = dict[str, Any]


class Spelled(float):
    """A number that Python would spell otherwise than it was written."""

    __slots__ = ("written",)

    def __init__(self, written: str) -> None:
        self.written = written


def read_float(written: str) -> float:
    number = float(written)
    return number if repr(number) == written else Spelled(written)


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


DECODE = msgspec.json.Decoder(float_hook=read_float).decode


def read(data: bytes | str) -> Any:
    """Raises ValueError."""
    try:
        return DECODE(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError:
        if isinstance(data, bytes) and b"\\ud" not in data and b"\\uD" not in data:
            raise
    try:
        return json.loads(data, parse_float=read_float, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_object(data: bytes | str) -> JsonObject | None:
    """Read a JSON object; None: the data is something else."""
    try:
        value = read(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def spelling(value: Any) -> bytes:
    """Of what no codec knows.  Raises TypeError: nor do we."""
    if isinstance(value, Spelled):
        return value.written.encode()
    raise TypeError(f"{type(value).__name__} is no JSON")


ENCODE = msgspec.json.Encoder(enc_hook=lambda value: msgspec.Raw(spelling(value))).encode


def fragment(value: Any) -> orjson.Fragment:
    return orjson.Fragment(spelling(value))


def write(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=fragment)
    except TypeError:  # a long integer, half a surrogate pair, or more than 254 levels
        pass
    try:
        return ENCODE(value)
    except UnicodeEncodeError:
        return spell(value).encode()


def spell(value: Any) -> str:
    """With escapes for all that is no ASCII."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{spell(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(spell, value)) + "]"
    return value.written if isinstance(value, Spelled) else json.dumps(value)
