"""What systemd is told of a service.  https://www.freedesktop.org/software/systemd/man/sd_notify.html"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, MutableMapping

# Twice as often as it has to be.
HASTE = 0.5


class Notifier:
    """Tells systemd how it goes; says nothing where nobody listens.

    :param address: $NOTIFY_SOCKET; an `@` before it stands for the abstract namespace.
    :param patience: seconds after which systemd ends a service that has not pinged; None: it never does.
    """

    def __init__(
        self,
        address: str = "",
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._patience = patience
        self._clock = clock
        self._pinged = -float("inf")

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Takes the address out, so that no library says "ready" before it is true."""
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "") if mine else ""
        patience = int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
        return cls(environ.pop("NOTIFY_SOCKET", ""), patience)

    def tell(self, *lines: str) -> None:
        """Like `READY=1`, `STATUS=...`."""
        if not self._address:
            return
        path = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # A service does not suffer from a systemd that does not listen.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(path)
            sock.sendall("\n".join(lines).encode())

    def reloading(self) -> None:
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    @property
    def watched(self) -> float | None:
        """Seconds between two pings; None: nobody waits for any."""
        return self._patience * HASTE if self._patience else None

    def ping(self) -> None:
        """Call whenever all is well, as often as you like."""
        now = self._clock()
        if self.watched and now - self._pinged >= self.watched:
            self._pinged = now
            self.tell("WATCHDOG=1")
