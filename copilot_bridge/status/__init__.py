"""How the bridge is: one condition at a time, in one place that everybody reads.

`/readyz`, the pages, systemd's status line, `service status` and the log tell the same, because they all have
it from here; who finds it out is `exchange.watch`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

STARTING = "starting"
READY = "ready"
WAITING = "waiting for GitHub"
LOGIN = "login needed"
RESTING = "resting"

LONGEST_LINE = 300  # characters


@dataclass(frozen=True)
class Condition:
    """:param reason: in words; nothing where all is well.  :param kind: of the error behind it.
    :param since, until: unix seconds; `until`: when it ends, or is looked at again; 0: nobody knows.
    """

    state: str
    reason: str = ""
    kind: str = ""
    since: float = field(default_factory=time.time, compare=False)
    until: float = field(default=0.0, compare=False)

    @property
    def ready(self) -> bool:
        return self.state == READY

    @property
    def line(self) -> str:
        """For people, in one."""
        told = " ".join(f"{self.state}: {self.reason}".split()) if self.reason else self.state
        return told[:LONGEST_LINE]


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
        before = self.now
        if condition == before:  # it goes on, since when it did; only its end may have moved
            self.now = Condition(before.state, before.reason, before.kind, before.since, condition.until)
            return
        self.now = condition
        log.log(level(before, condition), "%s", condition.line)
        for listener in self._listeners:
            listener(condition)


def level(before: Condition, after: Condition) -> int:
    """That all goes well at the start is no news."""
    if after.ready:
        return logging.DEBUG if before.state == STARTING else logging.INFO
    return logging.WARNING
