"""The wakeup that a greenlet waits on, and the watchers of the event loop that set it."""

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.hub import get_hub

READ_EVENT = 1  # of libev and libuv


class Wakeup:
    """Wakes the one greenlet that waits on it.  If none waits, the next wait returns at once."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._waiter: Any = None
        self._set = False

    def set(self, *_: object) -> None:
        """Wake the waiter.  To be called from the event loop."""
        if self._waiter is None:
            self._set = True
        else:
            waiter, self._waiter = self._waiter, None
            waiter.switch()

    @property
    def has_waiter(self) -> bool:
        return self._waiter is not None

    def wait(self) -> None:
        if not self._set:
            self._waiter = gevent.getcurrent()
            try:
                self._hub.switch()
            finally:
                self._waiter = None
        self._set = False


class SocketWatcher:
    """Wakes the greenlet when a socket is readable.

    The event loop keeps the watcher between two waits.  It is stopped only while the greenlet is busy
    elsewhere, above all blocked by a slow client, or the loop would spin on it.

    :param on_readable: called first, while the greenlet waits.  It returns the seconds for which to ignore
        the socket, mostly 0; None: the greenlet has to wake.
    """

    def __init__(
        self, fileno: int, wakeup: Wakeup, on_readable: Callable[[], float | None] | None = None
    ) -> None:
        self._wakeup = wakeup
        self._on_readable = on_readable
        self._watcher = get_hub().loop.io(fileno, READ_EVENT)
        self._pause: Any = None  # a timer, while the socket is ignored
        self._started = False
        self.fired = False

    def start(self) -> None:
        if not self._started:
            self._started = True
            self._watcher.start(self._fire)

    def _fire(self) -> None:
        if self._on_readable is not None and self._wakeup.has_waiter:
            pause = self._on_readable()
            if pause is not None:
                if pause:
                    self._ignore(pause)
                return
        self.fired = True
        if not self._wakeup.has_waiter:
            self.stop()
        self._wakeup.set()

    def _ignore(self, seconds: float) -> None:
        self._watcher.stop()
        self._pause = get_hub().loop.timer(seconds)
        self._pause.start(self._resume)

    def _resume(self) -> None:
        self._end_pause()
        self._watcher.start(self._fire)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause.close()
            self._pause = None

    def stop(self) -> None:
        self._started = False
        self._end_pause()
        self._watcher.stop()

    def close(self) -> None:
        self.stop()
        self._watcher.close()


class IdleTimer:
    """Wakes the greenlet after `seconds` without a `reset`, again and again.

    `reset` only notes the time, which is cheaper than a new timer for each event of a stream.
    """

    def __init__(self, seconds: float, wakeup: Wakeup) -> None:
        self.seconds = seconds
        self._wakeup = wakeup
        self._loop = get_hub().loop
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._fire)
        self._last_reset = time.monotonic()
        self.expired = False

    def reset(self, now: float) -> None:
        """Restart the idle time.  `now`: monotonic seconds, which the caller has read already."""
        self._last_reset = now
        self.expired = False

    def _fire(self) -> None:
        remaining = self._last_reset + self.seconds - time.monotonic()
        self.expired = remaining <= 0.001
        if self.expired:
            self._last_reset, remaining = time.monotonic(), self.seconds
        self._timer.stop()
        self._timer.close()
        self._timer = self._loop.timer(remaining)
        self._timer.start(self._fire)
        if self.expired:
            self._wakeup.set()  # last, because the greenlet may close this timer

    def close(self) -> None:
        self._timer.stop()
        self._timer.close()
