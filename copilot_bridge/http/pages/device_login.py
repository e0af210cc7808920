"""A device login that all workers and browser tabs share.

Its state is encrypted in the store.  Any process that reads the state may poll GitHub for all, but only when
a poll is due: it first moves the next poll far into the future, and back when GitHub has responded.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from copilot_bridge.admin.accounts import add_account
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.api import TIMEOUT
from copilot_bridge.upstream.github.device_login import POLL_MARGIN, DeviceCode, DeviceFlow
from copilot_bridge.waits import Wait

NAME = "pages/device-login"

WAITING, DONE, FAILED = "waiting", "done", "failed"
RESULT_TTL = 900.0  # seconds that the result of a login is shown
DOUBLE_CLICK = 3.0  # seconds; a second start within them is the same click


@dataclass(frozen=True)
class DeviceLogin:
    """The state of a login.  Times are unix seconds.

    :param next_poll: the earliest time of the next poll.  :param slowed: GitHub has demanded longer pauses.
    :param reason: GitHub's code of a failure.  :param problem: the failure in words, or why no plan is known.
    :param user, plan: the account that is logged in, once it is.
    """

    user_code: str
    verification_uri: str
    device_code: str
    interval: float
    expires_at: float
    started_at: float
    next_poll: float
    state: str = WAITING
    slowed: bool = False
    reason: str = ""
    problem: str = ""
    user: str = ""
    plan: str = ""

    @classmethod
    def of(cls, code: DeviceCode, now: float) -> "DeviceLogin":
        return cls(
            user_code=code.user_code,
            verification_uri=code.verification_uri,
            device_code=code.device_code.reveal(),
            interval=code.interval,
            expires_at=code.expires_at,
            started_at=now,
            next_poll=now + code.interval + POLL_MARGIN,
        )

    @classmethod
    def read(cls, content: Mapping[str, Any] | None) -> "DeviceLogin | None":
        """A stored login; None: it is missing or of another version."""
        if content is None or content.keys() != {field.name for field in fields(cls)}:
            return None
        return cls(**content)

    @property
    def code(self) -> DeviceCode:
        return DeviceCode(
            self.user_code, self.verification_uri, Secret(self.device_code), self.interval, self.expires_at
        )


class SharedFlow:
    """The one device login of a store.  :param clock: unix seconds."""

    def __init__(self, bridge: Bridge, clock: Callable[[], float] = time.time) -> None:
        self._bridge = bridge
        self._clock = clock
        self._flow = DeviceFlow(bridge.client, bridge.headers, bridge.hosts, clock)

    def state(self) -> DeviceLogin | None:
        """The state as stored; None: no login has been started, or its result is too old."""
        login = DeviceLogin.read(self._bridge.store.key_values.read(NAME))
        if login is None or self._clock() > max(login.expires_at, login.started_at) + RESULT_TTL:
            return None
        if login.state == WAITING and self._clock() >= login.expires_at:
            return replace(login, state=FAILED, reason="expired_token")
        return login

    def start(self) -> None:
        """Start a login and drop a waiting one.  Of several calls at once, only one asks GitHub for a code.

        :raises BridgeError: GitHub gives no code, or the store could not keep a login.
        """
        self._bridge.logins.check()
        with self._bridge.store.key_values.lock("device-login"):
            running = self.state()
            if (
                running
                and running.state == WAITING
                and 0 <= self._clock() - running.started_at < DOUBLE_CLICK
            ):
                return
            self._write(DeviceLogin.of(self._flow.begin(), self._clock()))

    def stop(self) -> None:
        with self._bridge.store.key_values.lock("device-login"):
            self._bridge.store.key_values.remove(NAME)

    def poll(self) -> DeviceLogin | None:
        """The state, after polling GitHub if that is due."""
        if login := self._claim():
            self._finish_poll(login, self._poll_github(login))
        return self.state()

    def _claim(self) -> DeviceLogin | None:
        """The login if a poll is due, and no other process polls; it is claimed for this process then."""
        known = self.state()
        if known is None or known.state != WAITING or self._is_early(known):
            return None
        with self._bridge.store.key_values.lock("device-login"):
            login = self.state()
            if login is None or login.state != WAITING or self._is_early(login):
                return None
            self._write(replace(login, next_poll=self._clock() + 2 * TIMEOUT))
        return login

    def _is_early(self, login: DeviceLogin) -> bool:
        """Tell whether it is too early for a poll.  A clock that was set back does not delay one."""
        longest = max(2 * TIMEOUT, login.interval + POLL_MARGIN)
        return Wait(login.next_poll - longest, login.next_poll).remaining(self._clock()) > 0

    def _poll_github(self, login: DeviceLogin) -> DeviceLogin:
        try:
            result = self._flow.poll(login.code)
            if result.token:
                user = add_account(self._bridge, result.token)
                return replace(login, state=DONE, user=user, device_code="", **self._plan(user, result.token))
        except BridgeError as error:
            return replace(login, state=FAILED, device_code="", reason=error.code or "", problem=str(error))
        later = self._clock() + result.code.interval + POLL_MARGIN
        slowed = login.slowed or result.state == "slow_down"
        return replace(login, interval=result.code.interval, next_poll=later, slowed=slowed)

    def _plan(self, user: str, token: Secret) -> dict[str, Any]:
        """The plan of the new login, or the problem in asking for it."""
        bridge = self._bridge
        try:
            return {"plan": bridge.tokens.get(Account(user, token, bridge.hosts)).plan}
        except BridgeError as error:
            return {"problem": str(error)}

    def _finish_poll(self, asked: DeviceLogin, polled: DeviceLogin) -> None:
        """Store the response to a poll, unless another login has been started meanwhile."""
        with self._bridge.store.key_values.lock("device-login"):
            now = self.state()
            if now and now.user_code == asked.user_code and now.started_at == asked.started_at:
                self._write(polled)

    def _write(self, login: DeviceLogin) -> None:
        self._bridge.store.key_values.write(NAME, asdict(login))
