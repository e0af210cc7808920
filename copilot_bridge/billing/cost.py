"""Finds what an answer cost, in the bytes that Copilot sends."""

import re

# Copilot states the cost in 1e-9 AI units.
FIELD = b'"total_nano_aiu"'
COST = re.compile(FIELD + rb"\s*:\s*(\d+)(?=\D)")  # the next character shows that no digit is missing
MAX_LENGTH = 64  # bytes of the field and its value


class CostReader:
    """Reads the cost from an answer's bytes, which may be cut anywhere.  `cost`: in AI units."""

    __slots__ = ("_tail", "cost")

    def __init__(self) -> None:
        self.cost: float | None = None
        self._tail = b""

    def feed(self, data: bytes) -> None:
        window = self._tail + data
        if FIELD in window and (found := COST.search(window)):
            self.cost = int(found[1]) / 1e9
        self._tail = window[-MAX_LENGTH:]


def cost_of(data: bytes) -> float | None:
    """The cost of an answer that is here as a whole, in AI units."""
    reader = CostReader()
    reader.feed(data)
    return reader.cost
