"""What one dialect wants to see again, carried through a client that speaks another.

A signature or encrypted reasoning means something to the backend that made it alone.  A client of another
dialect has one place for such goods (`signature`, `encrypted_content`, `reasoning_opaque`) and gives back
what stood there: so the goods travel in that place, marked with the dialect that they belong to.

Chat has that place once for a whole answer, and its SDKs add up what a stream tells there: so one seal
holds all of an answer's thoughts.
"""

import base64
import binascii
from typing import Any

from copilot_bridge.dialects import codec

PREFIX = "bridge1."

SIGNATURE_FIELDS = ("extra_content", "thought_signature")  # of a call to a tool; what Gemini calls its seals

Thought = tuple[str, dict[str, Any]]  # its text, and {dialect: goods}


def encode_details(opaque: dict[str, Any], own: str) -> str:
    """The goods of `own` dialect as they are, those of another marked.  `opaque`: {dialect: goods}."""
    if isinstance(opaque.get(own), str):
        return str(opaque[own])
    return pack(opaque) if opaque else ""


def decode_details(given: Any, own: str) -> dict[str, Any]:
    """{dialect: goods}; what has no mark belongs to the client's own dialect."""
    if not isinstance(given, str) or not given:
        return {}
    return valid_details(unpack(given)) if is_foreign(given) else {own: given}


def encode_thoughts(thoughts: list[Thought]) -> str:
    """All of an answer's in one, in their order; "" if none of them has goods.  Chat's own goes as it is."""
    goods = [opaque for _text, opaque in thoughts if opaque]
    if len(goods) == 1 and goods[0].keys() == {"chat"}:
        return str(goods[0]["chat"])
    return pack(thoughts) if any(opaque for _text, opaque in thoughts) else ""


def decode_thoughts(given: Any) -> list[Thought]:
    """[]: it is no seal of a whole answer."""
    thoughts = unpack(given) if is_foreign(given) else None
    if not isinstance(thoughts, list) or not all(map(is_thought, thoughts)):
        return []
    return [(text, valid_details(opaque)) for text, opaque in thoughts]


def is_thought(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def pack(goods: Any) -> str:
    return PREFIX + base64.urlsafe_b64encode(codec.write(goods)).decode()


def unpack(given: str) -> Any:
    """None: it is damaged."""
    try:
        return codec.read(base64.urlsafe_b64decode(given.removeprefix(PREFIX)))
    except (ValueError, binascii.Error):
        return None


def valid_details(opaque: Any) -> dict[str, Any]:
    given = opaque if isinstance(opaque, dict) else {}
    return {key: goods for key, goods in given.items() if is_valid(key, goods)}


def is_valid(dialect: str, goods: Any) -> bool:
    """A damaged or forged seal is no seal."""
    if dialect == "responses":
        return isinstance(goods, dict) and all(isinstance(each, str) for each in goods.values())
    if dialect == "google":
        return isinstance(goods, dict) and all(map(SIGNATURE_FIELDS.__contains__, goods))
    return dialect in ("messages", "chat", "redacted") and isinstance(goods, str)


def is_foreign(given: Any) -> bool:
    """Goods of another dialect: not to be sent to a backend that speaks the client's own."""
    return isinstance(given, str) and given.startswith(PREFIX)
