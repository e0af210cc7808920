"""The ids of tool calls, which carry Gemini's signatures through clients.

Ollama's messages have no member for a signature.  Clients send back a call's id unchanged, in the call and in
its result, or drop it, as the official package for Python does.
"""

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.provider_details import PREFIX, pack, unpack, valid_details

SEPARATOR = f".{PREFIX}"  # between upstream's id and the signature


def sign_id(id_: str, signature: JsonObject) -> str:
    """Return the id for the client of a call with a signature; {}: it has none."""
    return f"{id_}.{pack(signature)}" if signature else id_


def read_id(id_: str) -> tuple[str, JsonObject]:
    """Return upstream's id of a call, and the provider details that a client's id carries."""
    head, separator, encoded = id_.partition(SEPARATOR)
    return (head, valid_details({"google": unpack(PREFIX + encoded)})) if separator else (id_, {})
