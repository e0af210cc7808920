"""Notifications to systemd.

https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, MutableMapping

PING_FRACTION = 0.5  # of the watchdog's timeout


class Notifier:
    """Notifies systemd of the service's state; does nothing where no systemd listens.

    :param address: $NOTIFY_SOCKET; an `@` before it stands for the abstract namespace.
    :param watchdog_timeout: seconds without a ping after which systemd ends the service; None: no watchdog.
    """

    def __init__(
        self,
        address: str = "",
        watchdog_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._watchdog_timeout = watchdog_timeout
        self._clock = clock
        self._last_ping = -float("inf")

    @classmethod
    def take_from(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """The notifier of the environment, which loses the address, so that no library notifies too early."""
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "") if ours else ""
        timeout = int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
        return cls(environ.pop("NOTIFY_SOCKET", ""), timeout)

    def notify(self, *lines: str) -> None:
        """Send one notification, of lines like `READY=1` and `STATUS=...`."""
        if not self._address:
            return
        path = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # A systemd that does not listen must not stop the service.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(path)
            sock.sendall("\n".join(lines).encode())

    def notify_reloading(self) -> None:
        self.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    @property
    def ping_interval(self) -> float | None:
        """Seconds between two pings; None: there is no watchdog."""
        return self._watchdog_timeout * PING_FRACTION if self._watchdog_timeout else None

    def ping(self) -> None:
        """Ping the watchdog, if it is time.  Call it as often as you like while all is well."""
        now = self._clock()
        if self.ping_interval and now - self._last_ping >= self.ping_interval:
            self._last_ping = now
            self.notify("WATCHDOG=1")
