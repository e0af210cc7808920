"""The condition of this process: one at a time, with its reason, since when, and until when.

`/readyz`, the pages, systemd's status line, `service status` and the log say the same, because they all
read it here.  `HealthMonitor` sets it, from what the tokens, the cooldowns and the store report.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

log = logging.getLogger(__name__)

STARTING = "starting"
READY = "ready"
WAITING_FOR_GITHUB = "waiting for GitHub"
WAITING_FOR_STORE = "waiting for the store"
LOGIN_NEEDED = "login needed"
PAUSED = "paused"

MAX_SUMMARY_LENGTH = 300  # characters

# The states of the store while requests are served without it.
STORE_OK, STORE_READ_ONLY, STORE_UNREACHABLE = "", "read only", "out of reach"


@dataclass(frozen=True)
class Condition:
    """The condition of the service.

    :param reason: empty where all is well.  :param kind: the kind of the error behind it.
    :param since, until: unix seconds; `until`: when it ends, or is checked again; 0: unknown.
    :param store: the state of the store.
    """

    state: str
    reason: str = ""
    kind: str = ""
    since: float = field(default_factory=time.time, compare=False)
    until: float = field(default=0.0, compare=False)
    store: str = STORE_OK

    @property
    def ready(self) -> bool:
        return self.state == READY

    @property
    def summary(self) -> str:
        """One line for people."""
        store = f" (the store is {self.store})" if self.store else ""
        text = f"{self.state}{store}: {self.reason}" if self.reason else f"{self.state}{store}"
        return " ".join(text.split())[:MAX_SUMMARY_LENGTH]


Listener = Callable[[Condition], object]


class ServiceStatus:
    """Holds the current condition, and calls its listeners when it changes."""

    def __init__(self) -> None:
        self.current = Condition(STARTING)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call the listener with the current condition now, and with each one that differs."""
        self._listeners.append(listener)
        listener(self.current)

    def report(self, condition: Condition) -> None:
        """Set the condition.  It keeps the state of the store, which is reported apart."""
        before, condition = self.current, replace(condition, store=self.current.store)
        if condition == before:  # the condition lasts, so its start stays; only its end may have moved
            self.current = replace(before, until=condition.until)
            return
        log.log(log_level(before, condition), "%s", condition.summary)
        self._set(condition)

    def report_store(self, store: str) -> None:
        """Set the state of the store, which logs the reason itself."""
        if store != self.current.store:
            self._set(replace(self.current, store=store))

    def _set(self, condition: Condition) -> None:
        self.current = condition
        for listener in self._listeners:
            listener(condition)


def log_level(before: Condition, after: Condition) -> int:
    """The level for a change.  The first readiness after the start is not worth a line."""
    if after.ready:
        return logging.DEBUG if before.state == STARTING else logging.INFO
    return logging.WARNING
