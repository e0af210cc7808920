"""Checks whether the bridge can serve, and goes on checking while it can't.

Trouble at GitHub or in the network does not end the service: it is checked again, less and less often,
until it works.  Trouble that takes a person (no login, a refused one) is checked when a login has changed.
"""

import logging
import math
import random
import threading
import time
from typing import TYPE_CHECKING

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.errors import LOGIN_ERROR_KINDS, BridgeError, LoginRequired, StoreError
from copilot_bridge.status.condition import (
    LOGIN_NEEDED,
    PAUSED,
    READY,
    STARTING,
    STORE_OK,
    STORE_READ_ONLY,
    STORE_UNREACHABLE,
    WAITING_FOR_GITHUB,
    WAITING_FOR_STORE,
    Condition,
    ServiceStatus,
)
from copilot_bridge.waits import format_time, retry_after

if TYPE_CHECKING:
    from copilot_bridge.pipeline.services import Bridge
    from copilot_bridge.upstream.github.accounts import Account

log = logging.getLogger(__name__)

# Seconds between two checks: of trouble that passes, and of trouble that takes a person.
MIN_RETRY_DELAY, MAX_RETRY_DELAY = 2.5, 60.0
LOGIN_RETRY_DELAY = 600.0
FIRST_CHECK_TIMEOUT = 5.0  # seconds that a health check right after the start waits for the first check
MIN_RETRY_AFTER = 2  # seconds
POLL_INTERVAL = 1.0  # seconds after which a new login is noticed


class HealthMonitor:
    """Keeps `status` up to date.  One for the process; without `start` it checks when it is asked."""

    def __init__(self, bridge: "Bridge") -> None:
        self.status = ServiceStatus()
        self._bridge = bridge
        self._changed = threading.Event()
        self._checked = threading.Event()
        self._running = False
        self._failures = 0
        bridge.store.on_outage_change(self._report_store)

    def _report_store(self) -> None:
        outage = self._bridge.store.outage
        state = STORE_OK if outage is None else STORE_READ_ONLY if outage.readable else STORE_UNREACHABLE
        self.status.report_store(state)
        if outage is None and not self.status.current.ready:
            self.recheck()

    @property
    def running(self) -> bool:
        """Tell whether the condition is checked all the time, and not only when somebody asks."""
        return self._running

    def start(self) -> None:
        if not self._running:
            self._running = True
            threading.Thread(target=self._run, daemon=True).start()

    def report_token(self, outcome: str) -> None:
        """Check again if an exchange for a Copilot token contradicts the condition.

        :param outcome: "ok", or the kind of the error.
        """
        if (outcome == "ok") is not self.status.current.ready:
            self.recheck()

    def recheck(self) -> None:
        """Check again at once: something has been reported that may change the condition."""
        self._changed.set()

    def condition(self) -> Condition:
        """The condition now.  While the bridge is ready this makes sure that it has a token."""
        if self._running and self.status.current.state == STARTING:
            self._checked.wait(FIRST_CHECK_TIMEOUT)
        if not self._running or self.status.current.ready:
            self.status.report(self.check(token_only=self.status.current.ready))
            if not self.status.current.ready:
                self.recheck()
        return self.status.current

    def retry_after(self) -> int:
        """Seconds after which a client should ask again."""
        remaining = self.status.current.until - time.time()
        return min(max(MIN_RETRY_AFTER, math.ceil(remaining)), int(MAX_RETRY_DELAY))

    def check(self, *, token_only: bool = False) -> Condition:
        """Find out the condition.

        :param token_only: do not read the catalogue of models.
        """
        bridge = self._bridge
        try:
            account = bridge.account_in_use(LOCAL_OPERATOR)
            copilot = bridge.copilot_of(account)
            copilot.token()
            if pause := self._pause_of(account):
                return pause
            if not token_only:
                bridge.models.renewed(copilot)
        except BridgeError as error:
            return self._condition_after(error)
        return Condition(READY)

    def _pause_of(self, account: "Account") -> Condition | None:
        """The condition while Copilot has asked to leave the whole account alone."""
        for cooldown in self._bridge.rate_limiter.cooldowns.of_account(account.fingerprint):
            if not cooldown.model and not cooldown.path:
                reason = f"until {format_time(cooldown.until)}, as Copilot requested: {cooldown.message}"
                return Condition(PAUSED, reason, "rate_limited", until=cooldown.until)
        return None

    def _condition_after(self, error: BridgeError) -> Condition:
        login_needed = isinstance(error, LoginRequired) or error.kind in LOGIN_ERROR_KINDS
        requested = retry_after(error.headers)
        delay = LOGIN_RETRY_DELAY if login_needed else MAX_RETRY_DELAY if requested is None else requested
        if requested is None:
            backoff = MIN_RETRY_DELAY * 2**self._failures
            delay = min(delay, backoff) * random.uniform(0.8, 1.2)  # noqa: S311
        other = LOGIN_NEEDED if login_needed else WAITING_FOR_GITHUB
        state = WAITING_FOR_STORE if isinstance(error, StoreError) else other
        return Condition(state, str(error), error.kind, until=time.time() + max(delay, 1.0))

    def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                condition = self.check()
            except Exception:
                log.exception("internal error while checking whether the bridge can serve")
                reason = "an error of the bridge itself: the log has more"
                condition = Condition(WAITING_FOR_GITHUB, reason, "internal")
            self._failures = 0 if condition.ready else self._failures + 1
            self.status.report(condition)
            self._checked.set()
            self._wait(condition)

    def _wait(self, condition: Condition) -> None:
        """Wait until the next check is due."""
        if condition.ready:
            self._changed.wait()
            return
        seen, until = self._bridge.store.changes.read(), condition.until or time.time() + MAX_RETRY_DELAY
        deadline = time.monotonic() + max(0.0, until - time.time())  # the clock may be set back meanwhile
        while time.time() < until and time.monotonic() < deadline and not self._changed.wait(POLL_INTERVAL):
            if self._bridge.store.changes.read() != seen:
                return
