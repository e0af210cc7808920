"""What one dialect wants to see again, carried through a client that speaks another.

A signature or encrypted reasoning means something to the backend that made it alone.  A client of another
dialect has one place for such goods (`signature`, `encrypted_content`, `reasoning_opaque`) and gives back
what stood there: so the goods travel in that place, marked with the dialect that they belong to.
"""

import base64
import binascii
from typing import Any

from copilot_bridge.dialects import codec

MARK = "bridge1."


def seal(opaque: dict[str, Any], own: str) -> str:
    """The goods of `own` dialect as they are, those of another marked.  `opaque`: {dialect: goods}."""
    if isinstance(opaque.get(own), str):
        return str(opaque[own])
    return MARK + base64.urlsafe_b64encode(codec.write(opaque)).decode() if opaque else ""


def unseal(given: Any, own: str) -> dict[str, Any]:
    """{dialect: goods}; what has no mark belongs to the client's own dialect."""
    if not isinstance(given, str) or not given:
        return {}
    if not given.startswith(MARK):
        return {own: given}
    try:
        opaque = codec.read(base64.urlsafe_b64decode(given.removeprefix(MARK)))
    except (ValueError, binascii.Error):
        return {}
    return (
        {key: goods for key, goods in opaque.items() if fits(key, goods)} if isinstance(opaque, dict) else {}
    )


def fits(dialect: str, goods: Any) -> bool:
    """A damaged or forged seal is no seal."""
    if dialect == "responses":
        return isinstance(goods, dict) and all(isinstance(each, str) for each in goods.values())
    return dialect in ("messages", "chat", "redacted") and isinstance(goods, str)


def is_sealed(given: Any) -> bool:
    """Goods of another dialect: not to be sent to a backend that speaks the client's own."""
    return isinstance(given, str) and given.startswith(MARK)
