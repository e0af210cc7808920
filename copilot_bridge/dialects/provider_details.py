"""Details that one dialect's backend has to get back, carried through clients of another dialect.

A signature or encrypted reasoning means something only to the backend that made it.  Each client dialect has
a field for its own (`signature`, `encrypted_content`, `reasoning_opaque`), and its clients send back what was
in there.  So the details of another dialect travel in that field, encoded, with a prefix and the name of the
dialect.  The encoding is base64 and not encryption.

Chat has only one such field for a whole response, and its SDKs concatenate what a stream sends in it.  So one
value holds all the reasoning of a response.
"""

import base64
import binascii
from typing import Any

from copilot_bridge.dialects import codec

PREFIX = "bridge1."

SIGNATURE_FIELDS = ("extra_content", "thought_signature")  # the fields of Gemini's signatures in tool calls

ReasoningEntry = tuple[str, dict[str, Any]]  # its text, and {dialect: value}


def encode_details(details: dict[str, Any], own: str) -> str:
    """Encode details for a client: those of its own dialect as they are, others with the prefix.

    :param details: {dialect: value}.
    :param own: the client's dialect.
    """
    if isinstance(details.get(own), str):
        return str(details[own])
    return pack(details) if details else ""


def decode_details(encoded: Any, own: str) -> dict[str, Any]:
    """Decode details from a client into {dialect: value}.

    Without the prefix they are the client dialect's own.
    """
    if not isinstance(encoded, str) or not encoded:
        return {}
    return valid_details(unpack(encoded)) if is_foreign(encoded) else {own: encoded}


def encode_reasoning(entries: list[ReasoningEntry]) -> str:
    """Encode all reasoning of a response into one value, or "" if none has details.

    Chat's own stays as it is.
    """
    with_details = [details for _text, details in entries if details]
    if len(with_details) == 1 and with_details[0].keys() == {"chat"}:
        return str(with_details[0]["chat"])
    return pack(entries) if any(details for _text, details in entries) else ""


def decode_reasoning(encoded: Any) -> list[ReasoningEntry]:
    """Decode all reasoning of a response; [] if the value is not such an encoding."""
    entries = unpack(encoded) if is_foreign(encoded) else None
    if not isinstance(entries, list) or not all(map(is_reasoning_entry, entries)):
        return []
    return [(text, valid_details(details)) for text, details in entries]


def is_reasoning_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def pack(value: Any) -> str:
    return PREFIX + base64.urlsafe_b64encode(codec.write(value)).decode()


def unpack(encoded: str) -> Any:
    """Decode a value with the prefix; None if it is damaged."""
    try:
        return codec.read(base64.urlsafe_b64decode(encoded.removeprefix(PREFIX)))
    except (ValueError, binascii.Error):
        return None


def valid_details(value: Any) -> dict[str, Any]:
    members = value if isinstance(value, dict) else {}
    return {key: detail for key, detail in members.items() if is_valid(key, detail)}


def is_valid(dialect: str, value: Any) -> bool:
    """Return whether details have the form that the dialect uses; damaged or forged ones do not."""
    if dialect == "responses":
        return isinstance(value, dict) and all(isinstance(member, str) for member in value.values())
    if dialect == "google":
        return isinstance(value, dict) and all(map(SIGNATURE_FIELDS.__contains__, value))
    return dialect in ("messages", "chat", "redacted", "server_tools") and isinstance(value, str)


def is_foreign(encoded: Any) -> bool:
    """Return whether details are of another dialect, and must not be sent to a backend of the client's."""
    return isinstance(encoded, str) and encoded.startswith(PREFIX)
