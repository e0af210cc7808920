"""Estimates the tokens of a response that is under way from the bytes that have come.

Only the end of a stream tells how many tokens it has.  What the models sent for each token in their last
responses tells it well enough before, for whoever watches.
"""

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.store.request_log_writer import Progress

# Bytes of an event with a token in it, as streams of Copilot were recorded.  An estimate begins with them.
BYTES_OF_EVENT = {"chat": 306, "messages": 126, "responses": 224}
MIN_TOKENS = 40  # tokens; the frame of a shorter response says nothing about its text
WEIGHT_OF_PAST = 0.8  # of what was known before a response, when it has ended
MAX_MODELS = 200

Key = tuple[str | None, str | None]  # the dialect spoken to Copilot, the model


class TokenEstimates:
    """Learns how many bytes a token takes, of each model of each dialect."""

    def __init__(self) -> None:
        self._sums: dict[Key, tuple[float, float]] = {}  # (bytes, tokens)

    def progress(self, entry: RequestLogEntry) -> Progress:
        """How far a request is, for the pages."""
        tokens = self.estimate((entry.upstream, entry.model), entry.received)
        return Progress(entry.first_byte_ms, entry.received, tokens)

    def estimate(self, key: Key, received: int) -> int | None:
        """The tokens in so many bytes; None: nobody knows."""
        size, tokens = self._sums.get(key) or (BYTES_OF_EVENT.get(key[0] or "", 0), 1)
        return round(received * tokens / size) if received and size else None

    def learn(self, entry: RequestLogEntry) -> None:
        """Compare the bytes and the tokens of a response that has ended."""
        if not entry.received or (entry.tokens_out or 0) < MIN_TOKENS:
            return
        key = entry.upstream, entry.model
        if key not in self._sums and len(self._sums) >= MAX_MODELS:
            return
        size, tokens = self._sums.get(key, (0.0, 0.0))
        self._sums[key] = (
            WEIGHT_OF_PAST * size + entry.received,
            WEIGHT_OF_PAST * tokens + (entry.tokens_out or 0),
        )
