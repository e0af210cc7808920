"""Escapes characters of a log line that would control the terminal."""

from functools import lru_cache

from copilot_bridge.redaction import redact

# Characters that reorder text, so that it reads as something else (Unicode, annex 9), or end a line.
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
DIRECTION_ESCAPES = {code: f"\\u{code:04x}" for code in DIRECTIONS}

CONTROL_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))} | DIRECTION_ESCAPES

# JSON escapes the characters below 32 itself.
JSON_CONTROL_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)} | DIRECTION_ESCAPES


def truncate(text: str | None, max_length: int) -> str | None:
    """Text from outside on one line and without secrets, at most `max_length` characters of it."""
    return None if text is None else sanitize(text[: 4 * max_length])[:max_length]


@lru_cache(1024)  # the same few texts come again and again
def sanitize(text: str) -> str:
    return redact(text).translate(CONTROL_ESCAPES)
