"""A device login that several workers and several tabs take part in.

Its state lies sealed in the store.  Whoever looks at it may poll GitHub for all others, but only when it is
time: the one who does puts the next time far off first, and near again when the answer is there.
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
REMEMBERED = 900.0  # s, how it ended
TWICE = 3.0  # s, in which a second start is taken for the first


@dataclass(frozen=True)
class Login:
    """Times are unix seconds.

    :param next_poll: GitHub is not to be asked before.  :param slowed: it has asked for longer pauses.
    :param reason: why it failed: GitHub's name for it; `problem`: in words.
    :param user, plan: who is logged in, when it is done; `problem`: why there is no plan.
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
    def of(cls, code: DeviceCode, now: float) -> "Login":
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
    def read(cls, content: Mapping[str, Any] | None) -> "Login | None":
        """None for what another version has written."""
        if content is None or content.keys() != {each.name for each in fields(cls)}:
            return None
        return cls(**content)

    @property
    def code(self) -> DeviceCode:
        return DeviceCode(
            self.user_code, self.verification_uri, Secret(self.device_code), self.interval, self.expires_at
        )


class SharedFlow:
    """:param clock: unix seconds."""

    def __init__(self, bridge: Bridge, clock: Callable[[], float] = time.time) -> None:
        self._bridge = bridge
        self._clock = clock
        self._flow = DeviceFlow(bridge.client, bridge.headers, bridge.hosts, clock)

    def state(self) -> Login | None:
        """Without asking GitHub; None if there is no login to speak of."""
        login = Login.read(self._bridge.store.key_values.read(NAME))
        if login is None or self._clock() > max(login.expires_at, login.started_at) + REMEMBERED:
            return None
        if login.state == WAITING and self._clock() >= login.expires_at:
            return replace(login, state=FAILED, reason="expired_token")
        return login

    def start(self) -> None:
        """A new code; one that was waiting is dropped.  Of several at once, one asks GitHub, for all.

        :raises BridgeError: also if a login could not be stored, before anybody is asked for one.
        """
        self._bridge.logins.check()
        with self._bridge.store.key_values.lock("device-login"):
            running = self.state()
            if running and running.state == WAITING and 0 <= self._clock() - running.started_at < TWICE:
                return
            self._write(Login.of(self._flow.begin(), self._clock()))

    def stop(self) -> None:
        with self._bridge.store.key_values.lock("device-login"):
            self._bridge.store.key_values.remove(NAME)

    def look(self) -> Login | None:
        """The state, after asking GitHub if it is time."""
        if login := self._claim():
            self._settle(login, self._asked(login))
        return self.state()

    def _claim(self) -> Login | None:
        """For one of all who look, when it is time: nobody else asks until it has its answer."""
        known = self.state()
        if known is None or known.state != WAITING or self._is_early(known):
            return None
        with self._bridge.store.key_values.lock("device-login"):
            login = self.state()
            if login is None or login.state != WAITING or self._is_early(login):
                return None
            self._write(replace(login, next_poll=self._clock() + 2 * TIMEOUT))
        return login

    def _is_early(self, login: Login) -> bool:
        """For GitHub to be asked; a clock that was set back makes nobody wait."""
        longest = max(2 * TIMEOUT, login.interval + POLL_MARGIN)
        return Wait(login.next_poll - longest, login.next_poll).remaining(self._clock()) > 0

    def _asked(self, login: Login) -> Login:
        try:
            answer = self._flow.poll(login.code)
            if answer.token:
                user = add_account(self._bridge, answer.token)
                return replace(login, state=DONE, user=user, device_code="", **self._plan(user, answer.token))
        except BridgeError as error:
            return replace(login, state=FAILED, device_code="", reason=error.code or "", problem=str(error))
        later = self._clock() + answer.code.interval + POLL_MARGIN
        slowed = login.slowed or answer.state == "slow_down"
        return replace(login, interval=answer.code.interval, next_poll=later, slowed=slowed)

    def _plan(self, user: str, token: Secret) -> dict[str, Any]:
        """What the new login is good for."""
        bridge = self._bridge
        try:
            return {"plan": bridge.tokens.get(Account(user, token, bridge.hosts)).plan}
        except BridgeError as error:
            return {"problem": str(error)}

    def _settle(self, asked: Login, answered: Login) -> None:
        """Unless somebody has begun another one meanwhile."""
        with self._bridge.store.key_values.lock("device-login"):
            now = self.state()
            if now and now.user_code == asked.user_code and now.started_at == asked.started_at:
                self._write(answered)

    def _write(self, login: Login) -> None:
        self._bridge.store.key_values.write(NAME, asdict(login))
