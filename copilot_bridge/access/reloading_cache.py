"""What is in memory and as fresh as the store."""

import threading
import time
from collections.abc import Callable

from copilot_bridge.shared_memory.change_counter import ChangeCounter

RELOAD_AGE = 1.0  # s; what is older is read again beside the requests
MAX_AGE = 2.0  # s; what is older is read again first: what another machine has changed is noticed this late
# s that a waiting request gives the one that reads beyond the deadline of its reading.  With none the two
# end at the same moment, and the waiting one would go on to meet the same silent store a second time.
MARGIN = 0.1


class ReloadingCache:
    """Reads again when the store says that it has changed, and as time passes.

    A request waits for the reading after a change on this machine, and where what is known is too old: an
    answer from before the change would be a wrong one.  It waits no longer than the reading's own deadline:
    then what is known has to do.

    :param read: reads the store within `patience` seconds.
    :param waits_for_others: a change on another machine matters enough to wait for it.
    """

    def __init__(
        self,
        changes: ChangeCounter,
        load: Callable[[], None],
        timeout: float,
        *,
        waits_for_others: bool = True,
    ) -> None:
        self._changes = changes
        self._load = load
        self._timeout = timeout
        self._waits_for_others = waits_for_others
        self._lock = threading.Lock()
        self._seen_change = -1
        self._loaded_at = float("-inf")

    def refresh(self) -> None:
        age = time.monotonic() - self._loaded_at
        if self._changes.read() != self._seen_change or (self._waits_for_others and age >= MAX_AGE):
            self._reload(self._timeout + MARGIN)
        elif age >= RELOAD_AGE and not self._lock.locked():
            threading.Thread(target=self._reload, daemon=True).start()

    def _reload(self, timeout: float = 0.0) -> None:
        if not self._lock.acquire(timeout=timeout):
            return
        try:
            if self._is_outdated():
                seen = self._changes.read()
                self._load()
                self._seen_change, self._loaded_at = seen, time.monotonic()
        finally:
            self._lock.release()

    def _is_outdated(self) -> bool:
        return self._changes.read() != self._seen_change or time.monotonic() - self._loaded_at >= RELOAD_AGE
