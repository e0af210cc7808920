"""Finds out how the bridge is, and goes on looking while it can't serve.

GitHub or the network in trouble is nothing that ends a service: it is looked again, less and less often,
until it works.  What waits for a person (no login, a refused one) is looked at when a login has changed.
"""

import logging
import math
import random
import threading
import time
from typing import TYPE_CHECKING

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.errors import BridgeError, LoginRequired, StoreError
from copilot_bridge.status import (
    LOGIN,
    READ_ONLY,
    READY,
    RESTING,
    STARTING,
    STORE,
    UNREACHABLE,
    USABLE,
    WAITING,
    Condition,
    Status,
)
from copilot_bridge.waits import clock_time, retry_after

if TYPE_CHECKING:
    from copilot_bridge.exchange.bridge import Bridge

log = logging.getLogger(__name__)

# s, between two looks: at trouble that passes, and at what takes a person
SHORTEST, LONGEST = 2.5, 60.0
FOR_A_PERSON = 600.0
FIRST_LOOK = 5.0  # s, that somebody who asks at once waits for its end
SHORTEST_ANSWER = 2
GLANCE = 1.0  # s: a new login is noticed this late

# Kinds of errors that only a person can do something about.
NEEDS_A_PERSON = ("authentication", "permission")


class Watch:
    """One for the process; without `start` it looks when it is asked."""

    def __init__(self, bridge: "Bridge") -> None:
        self.status = Status()
        self._bridge = bridge
        self._news = threading.Event()
        self._looked = threading.Event()
        self._runs = False
        self._failures = 0
        bridge.store.listen(self._store_changed)

    def _store_changed(self) -> None:
        outage = self._bridge.store.outage
        self.status.set_store(USABLE if outage is None else READ_ONLY if outage.writing else UNREACHABLE)
        if outage is None and not self.status.now.ready:
            self._news.set()

    def start(self) -> None:
        if not self._runs:
            self._runs = True
            threading.Thread(target=self._run, daemon=True).start()

    def told(self, outcome: str) -> None:
        """Of each token that was asked for: "ok", or an error's kind."""
        if (outcome == "ok") is not self.status.now.ready:
            self._news.set()

    def condition(self) -> Condition:
        """The one now.  While all goes well it is made sure that there is a token."""
        if self._runs and self.status.now.state == STARTING:
            self._looked.wait(FIRST_LOOK)
        if not self._runs or self.status.now.ready:
            self.status.set(self.look(self.status.now.ready))
            if not self.status.now.ready:
                self._news.set()
        return self.status.now

    def looks_again_in(self) -> int:
        """Seconds, for who asks again."""
        left = self.status.now.until - time.time()
        return min(max(SHORTEST_ANSWER, math.ceil(left)), int(LONGEST))

    def look(self, briefly: bool = False) -> Condition:
        """:param briefly: a token will do."""
        bridge = self._bridge
        try:
            account = bridge.account_in_use(LOCAL_OPERATOR)
            copilot = bridge.copilot_of(account)
            copilot.token()
            if not briefly:
                bridge.models.catalogue(copilot)
        except BridgeError as error:
            return self._trouble(error)
        for rest in bridge.pace.rests.of(account.fingerprint):
            if not rest.model and not rest.path:
                reason = f"until {clock_time(rest.until)}, as Copilot asked: {rest.message}"
                return Condition(RESTING, reason, "rate_limited", until=rest.until)
        return Condition(READY)

    def _trouble(self, error: BridgeError) -> Condition:
        person = isinstance(error, LoginRequired) or error.kind in NEEDS_A_PERSON
        told = retry_after(error.headers)
        pause = FOR_A_PERSON if person else LONGEST if told is None else told
        if told is None:
            pause = min(pause, SHORTEST * 2**self._failures) * random.uniform(0.8, 1.2)  # noqa: S311
        state = STORE if isinstance(error, StoreError) else LOGIN if person else WAITING
        return Condition(state, str(error), error.kind, until=time.time() + max(pause, 1.0))

    def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                condition = self.look()
            except Exception:
                log.exception("internal error in a look at GitHub")
                condition = Condition(WAITING, "an error of the bridge itself: the log has more", "internal")
            self._failures = 0 if condition.ready else self._failures + 1
            self.status.set(condition)
            self._looked.set()
            self._wait(condition)

    def _wait(self, condition: Condition) -> None:
        """Until it is worth looking again."""
        if condition.ready:
            self._news.wait()
            return
        seen, until = self._bridge.store.changes.read(), condition.until or time.time() + LONGEST
        most = time.monotonic() + max(0.0, until - time.time())  # a clock may be set back meanwhile
        while time.time() < until and time.monotonic() < most and not self._news.wait(GLANCE):
            if self._bridge.store.changes.read() != seen:
                return
