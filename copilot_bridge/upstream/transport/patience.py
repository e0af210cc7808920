"""How long a connection that was used before may stay mute before its request goes out on a new one."""

import time
from collections.abc import Callable

from cachetools import LRUCache

MOST_KINDS = 1024
SLOWER = 3.0  # as the slowest answer so far
TRIAL = 30.0  # s


class Patience:
    """Learned, for each kind of request, from how long its answers have taken to begin.

    At most one request at a time is tried anew for silence alone: if its second try is answered at once, the
    connection was dead, and the next one may follow; if not, upstream is slow, which all others sit out.

    :param least: seconds; no answer is given up before.
    """

    def __init__(self, least: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least = least
        self._clock = clock
        self._slowest: LRUCache[str, float] = LRUCache(MOST_KINDS)
        self._trial_until = 0.0

    def of(self, kind: str) -> float:
        """Seconds."""
        return max(self._least, SLOWER * self._slowest.get(kind, 0.0))

    def is_over(self, kind: str, waited: float) -> bool:
        """Whether to try this request anew; who hears yes has to do so."""
        if waited < self.of(kind):
            return False
        now = self._clock()
        if now < self._trial_until:
            return False
        self._trial_until = now + TRIAL
        return True

    def note(self, kind: str, seconds: float) -> None:
        """An answer has begun after so long."""
        if seconds > self._slowest.get(kind, 0.0):
            self._slowest[kind] = seconds
        if seconds < self._least:
            self._trial_until = 0.0
