"""Waiting for a response: the limits of a request, readable sockets, and bytes that do not arrive."""

import sys
from typing import Any

from urllib3 import Timeout
from urllib3.util.wait import wait_for_read

from copilot_bridge.upstream.transport.network_errors import StaleConnectionError
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.sockets import unacknowledged

# seconds between two checks of a silent connection, in which TCP sends what is missing several times
CHECK_INTERVAL = 0.9


class Timeouts(Timeout):
    """Timeouts for urllib3 that also limit how long a response of this kind may take to begin."""

    def __init__(self, connect: float, read: float, patience: Patience, kind: str) -> None:
        super().__init__(connect=connect, read=read)
        self.patience = patience
        self.kind = kind

    def clone(self) -> "Timeouts":
        """The same limits, their clock not started; urllib3 checks them again at each of its clones."""
        clone = Timeouts.__new__(Timeouts)
        vars(clone).update(vars(self), _start_connect=None)
        return clone


def wait_until_readable(sock: Any, timeout: float) -> bool:
    """Wait for bytes on a socket; False: none came.  urllib3 waits by gevent's `poll`, which takes longer."""
    patched = sys.modules.get("gevent.socket")  # commands that ask Copilot start without gevent
    if patched is None or not isinstance(sock, patched.socket):
        return bool(wait_for_read(sock, timeout=timeout))
    try:
        patched.wait_read(sock.fileno(), timeout)
    except TimeoutError:
        return False
    return True


class SendProgress:
    """Checks from time to time whether the sent bytes still arrive.  Times are monotonic seconds."""

    def __init__(self, sock: Any, now: float) -> None:
        self._sock = sock
        self._before = 0
        self.next_check = now + CHECK_INTERVAL

    def check(self, now: float) -> int:
        """The bytes of which none has arrived since the last check; 0: it is not time yet, or all is well."""
        if now < self.next_check:
            return 0
        self.next_check = now + CHECK_INTERVAL
        before, self._before = self._before, unacknowledged(self._sock) or 0
        return self._before if self._before == before else 0


def stale(reason: str, *, unsent: bool = False) -> StaleConnectionError:
    error = StaleConnectionError(f"a reused connection is dead ({reason})")
    error.unsent = unsent
    return error
