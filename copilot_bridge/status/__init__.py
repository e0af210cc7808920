"""How the bridge is: one condition at a time, in one place that everybody reads.

`/readyz`, the pages, systemd's status line, `service status` and the log tell the same, because they all have
it from here; who finds it out is `exchange.watch`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

log = logging.getLogger(__name__)

STARTING = "starting"
READY = "ready"
WAITING = "waiting for GitHub"
STORE = "waiting for the store"
LOGIN = "login needed"
RESTING = "resting"

LONGEST_LINE = 300  # characters

# What may be with the store while requests are served without it.
USABLE, READ_ONLY, UNREACHABLE = "", "read only", "out of reach"


@dataclass(frozen=True)
class Condition:
    """:param reason: in words; nothing where all is well.  :param kind: of the error behind it.
    :param since, until: unix seconds; `until`: when it ends, or is looked at again; 0: nobody knows.
    :param store: what is with it.
    """

    state: str
    reason: str = ""
    kind: str = ""
    since: float = field(default_factory=time.time, compare=False)
    until: float = field(default=0.0, compare=False)
    store: str = USABLE

    @property
    def ready(self) -> bool:
        return self.state == READY

    @property
    def line(self) -> str:
        """For people, in one."""
        store = f" (the store is {self.store})" if self.store else ""
        told = f"{self.state}{store}: {self.reason}" if self.reason else f"{self.state}{store}"
        return " ".join(told.split())[:LONGEST_LINE]


Listener = Callable[[Condition], object]


class Status:
    """The condition of this process, and who wants to hear of a change."""

    def __init__(self) -> None:
        self.now = Condition(STARTING)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """It is told the condition now, and each one that is another."""
        self._listeners.append(listener)
        listener(self.now)

    def set(self, condition: Condition) -> None:
        """The store is in it as it was: of that others tell."""
        before, condition = self.now, replace(condition, store=self.now.store)
        if condition == before:  # it goes on, since when it did; only its end may have moved
            self.now = replace(before, until=condition.until)
            return
        log.log(level(before, condition), "%s", condition.line)
        self._tell(condition)

    def set_store(self, store: str) -> None:
        """The store itself logs why."""
        if store != self.now.store:
            self._tell(replace(self.now, store=store))

    def _tell(self, condition: Condition) -> None:
        self.now = condition
        for listener in self._listeners:
            listener(condition)


def level(before: Condition, after: Condition) -> int:
    """That all goes well at the start is no news."""
    if after.ready:
        return logging.DEBUG if before.state == STARTING else logging.INFO
    return logging.WARNING
