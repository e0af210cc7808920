"""Keeps a connection to Copilot ready while clients use the bridge, so that no request waits for one."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.profiles import all_patterns

if TYPE_CHECKING:
    from copilot_bridge.pipeline.services import Bridge
    from copilot_bridge.upstream.github.accounts import Account

USE_PERIOD = 600.0  # seconds after a request for which its account counts as in use
CHECK_INTERVAL = 2.0  # seconds
NOTE_INTERVAL = 1.0  # seconds; requests that come sooner after one are not noted


class ReadyConnections:
    """Opens a connection when the last one has ended or grown old.

    It stops ten minutes after the last request.  The time of an account's last request is shared by all
    workers, so each of them stays ready while one of them serves.  No token is exchanged for this.  The start
    of the server counts as a request of the operator.

    :param clock: unix seconds.
    """

    def __init__(self, bridge: "Bridge", clock: Callable[[], float] = time.time) -> None:
        self._bridge = bridge
        self._clock = clock
        self._times = bridge.store.last_uses
        self._accounts: dict[str, tuple[Account, float]] = {}  # with the last use in this process
        self._changed = threading.Event()
        self._running = False

    def start(self) -> None:
        if self._bridge.config.connect_ahead and not self._running:
            self._running = True
            threading.Thread(target=self._run, daemon=True).start()

    def note_use(self, account: "Account") -> None:
        """Note a request for the account."""
        if not self._running:
            return
        key, now = account.fingerprint, self._clock()
        known = self._accounts.get(key)
        if known is None or not 0 <= now - known[1] < NOTE_INTERVAL:
            self._accounts[key] = account, now
            self._times.write(key, now)
            if known is None:
                self._changed.set()

    def check(self) -> bool:
        """Open what is missing.  False: no account is in use."""
        now = self._clock()
        for key, (_, used) in list(self._accounts.items()):
            if not 0 <= now - max(used, self._times.read(key)) < USE_PERIOD:
                del self._accounts[key]
        for api in {self._bridge.tokens.api(account) for account, _ in list(self._accounts.values())} - {""}:
            self._bridge.client.begin_connection(api)
        return bool(self._accounts)

    def note_start(self) -> None:
        with suppress(BridgeError):  # nobody is logged in yet
            self.note_use(self._bridge.account_in_use(LOCAL_OPERATOR))

    def _run(self) -> None:
        self.note_start()
        while True:
            self._changed.clear()
            in_use = self.check()
            all_patterns()  # read once: it takes 8 ms, for which the first request need not wait
            self._changed.wait(CHECK_INTERVAL if in_use else None)
