"""Facts about a response that the log keeps: its cost and the model that responds."""

import re

from copilot_bridge.billing.cost import CostReader, member, stated_cost
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.logs.entry import RequestLogEntry

MAX_NAME = 200  # characters
# In all dialects the first event with a name has it before anything that the model says.
MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,%d})"' % MAX_NAME)
MAX_HEAD = 4096  # bytes in which the name is looked for


class StreamFacts:
    """Reads the facts from a stream's bytes, which may be cut anywhere, and notes them in the log entry."""

    __slots__ = ("_cost", "_entry", "_head")

    def __init__(self, entry: RequestLogEntry) -> None:
        self._entry = entry
        self._cost = CostReader()
        self._head: bytes | None = b""  # None: the name is found, or there is none

    def feed(self, data: bytes) -> None:
        self._entry.received += len(data)
        self._cost.feed(data)
        if self._head is not None:
            self._find_model(self._head + data)

    def _find_model(self, head: bytes) -> None:
        found = MODEL.search(head[:MAX_HEAD])
        self._entry.response_model = found[1].decode(errors="replace") if found else None
        self._head = None if found or len(head) > MAX_HEAD else head

    def note_cost(self) -> None:
        self._entry.nano_aiu = self._cost.nano_aiu


def note_whole_response(entry: RequestLogEntry, response: JsonObject | None) -> None:
    """Note the facts of a whole response."""
    entry.nano_aiu = stated_cost(response)
    model = member(response, "model")
    entry.response_model = model[:MAX_NAME] if isinstance(model, str) and model else None
