"""The time after which a request on a silent reused connection is sent once more on a new one."""

import time
from collections.abc import Callable

from cachetools import LRUCache

CACHE_SIZE = 1024  # kinds of requests
FACTOR = 3.0  # of the slowest response so far
TRIAL_TIMEOUT = 30.0  # seconds


class Patience:
    """Learns, for each kind of request, how long its responses take to begin.

    At most one request at a time is sent again because of silence alone.  If its second attempt succeeds at
    once, the connection was dead, and the next request may follow; if not, upstream is slow, and all other
    requests wait for it.

    :param minimum: seconds; no response is given up before.
    """

    def __init__(self, minimum: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._minimum = minimum
        self._clock = clock
        self._slowest: LRUCache[str, float] = LRUCache(CACHE_SIZE)
        self._trial_until = 0.0

    def of(self, kind: str) -> float:
        """The seconds that a response of this kind may take to begin."""
        return max(self._minimum, FACTOR * self._slowest.get(kind, 0.0))

    def is_over(self, kind: str, waited: float) -> bool:
        """Decide whether to send this request again.  A caller that gets True has to do so."""
        if waited < self.of(kind):
            return False
        now = self._clock()
        if now < self._trial_until:
            return False
        self._trial_until = now + TRIAL_TIMEOUT
        return True

    def note(self, kind: str, seconds: float) -> None:
        """Note how long a response took to begin."""
        if seconds > self._slowest.get(kind, 0.0):
            self._slowest[kind] = seconds
        if seconds < self._minimum:
            self._trial_until = 0.0
