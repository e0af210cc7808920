"""The signatures of parts, in which a client keeps what upstream has to get back with a model's reasoning.

A signature is base64, and SDKs decode and encode it anew, with either alphabet.  Clients such as the Gemini
CLI do not send thoughts back, but only the signatures of other parts.  So a signature holds everything that
the model has thought since the last signed part, with its text.
"""

import base64
import binascii

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.prompt import Reasoning
from copilot_bridge.dialects.provider_details import (
    PREFIX,
    ReasoningEntry,
    is_reasoning_entry,
    valid_details,
)

MARK = PREFIX.encode()

# Clients send these in place of a signature that they do not have.  Source: Google's documentation of thought
# signatures (2026).
PLACEHOLDERS = (b"skip_thought_signature_validator", b"context_engineering_is_the_way_to_go")


def encode_signature(entries: list[ReasoningEntry]) -> str:
    """Encode reasoning; "" if upstream needs none of it back.

    :param entries: the reasoning before the signed part.
    """
    if not any(details for _text, details in entries):
        return ""
    return base64.b64encode(MARK + codec.write(entries)).decode()


def decode_signature(signature: str) -> list[Reasoning]:
    """Decode a signature into reasoning; [] if there is none in it.

    One that the bridge has not made is Google's own.
    """
    data = decode_base64(signature)
    if data.startswith(MARK):
        return read_entries(data.removeprefix(MARK))
    if not data or data in PLACEHOLDERS or signature.encode() in PLACEHOLDERS:
        return []
    return [Reasoning("", {"google": {"extra_content": {"google": {"thought_signature": signature}}}})]


def decode_base64(text: str) -> bytes:
    """Decode base64 of either alphabet, with or without padding; b"" if it is damaged."""
    standard = text.rstrip("=").translate(STANDARD_ALPHABET)
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (ValueError, binascii.Error):
        return b""


STANDARD_ALPHABET = str.maketrans("-_", "+/")


def read_entries(data: bytes) -> list[Reasoning]:
    try:
        entries = codec.read(data)
    except ValueError:
        return []
    if not isinstance(entries, list) or not all(map(is_reasoning_entry, entries)):
        return []
    return [Reasoning(text, valid_details(details)) for text, details in entries]
