"""Keeps a copy of the store's data in memory, and reloads it when the store changes."""

import threading
import time
from collections.abc import Callable

from copilot_bridge.shared_memory.change_counter import ChangeCounter

RELOAD_AGE = 1.0  # seconds; older data is reloaded in the background
MAX_AGE = 2.0  # seconds; older data is reloaded first, so a change of another machine is noticed this late
# seconds that a waiting request adds to the deadline of the running reload.  Without it both would end at the
# same moment, and the waiting request would try the same silent store a second time.
MARGIN = 0.1


class ReloadingCache:
    """Reloads after a change, and regularly as time passes.

    A request waits for the reload after a change on this machine and where the data is too old, because
    older data would give a wrong result.  It waits no longer than the reload's own deadline, and then uses
    the data that is there.

    :param load: reads the store within `timeout` seconds.
    :param waits_for_others: whether requests wait for changes of other machines, too.
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
