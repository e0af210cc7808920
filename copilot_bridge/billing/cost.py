"""Finds what a response cost, in what Copilot sends."""

import re
from typing import Any

# Copilot states the cost in 1e-9 AI units.
FIELD = b'"total_nano_aiu"'
COST = re.compile(FIELD + rb"\s*:\s*(\d+)(?=\D)")  # the next character shows that no digit is missing
MAX_LENGTH = 64  # bytes of the field and its value
NANO = 1_000_000_000  # in an AI unit


class CostReader:
    """Reads the cost from a stream's bytes, which may be cut anywhere.

    The last cost counts.  A model's text can't be mistaken for one: in a stream's events it is in strings,
    where quotation marks are escaped.

    :ivar nano_aiu: the cost in 1e-9 AI units; None: not known yet.
    """

    __slots__ = ("_tail", "nano_aiu")

    def __init__(self) -> None:
        self.nano_aiu: int | None = None
        self._tail = b""

    def feed(self, data: bytes) -> None:
        if self._tail:
            data = self._tail + data
        if FIELD in data:
            for found in COST.finditer(data):
                self.nano_aiu = int(found[1])
        # The field and its value are in one line, and most pieces are whole events.
        self._tail = b"" if data.endswith(b"\n") else data[-MAX_LENGTH:]


def stated_cost(response: Any) -> int | None:
    """Return the cost of a whole response, in 1e-9 AI units."""
    total = member(member(response, "copilot_usage"), "total_nano_aiu")
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
