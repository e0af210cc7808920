"""What is in memory and as fresh as the store."""

import threading
import time
from collections.abc import Callable

from copilot_bridge.store.signal import Signal

LOOK_AGAIN = 2.0  # s: what another machine has changed is noticed this late


class Fresh:
    """Reads again when the store says that it has changed, and every two seconds besides.

    Whoever comes while it is read waits: an answer from before the change would be a wrong one.  But no
    longer than `patience` seconds: then what is known has to do.
    """

    def __init__(self, signal: Signal, read: Callable[[], None], patience: float) -> None:
        self._signal = signal
        self._read = read
        self._patience = patience
        self._reading = threading.Lock()
        self._seen = -1
        self._looked_at = float("-inf")

    def look(self) -> None:
        if not self._outdated():
            return
        if not self._reading.acquire(timeout=self._patience):
            return
        try:
            if self._outdated():
                seen = self._signal.read()
                self._read()
                self._seen, self._looked_at = seen, time.monotonic()
        finally:
            self._reading.release()

    def _outdated(self) -> bool:
        return self._signal.read() != self._seen or time.monotonic() - self._looked_at >= LOOK_AGAIN
