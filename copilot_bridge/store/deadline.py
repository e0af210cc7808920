"""A deadline for a library that waits on a socket without one."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from copilot_bridge.store.sqlite_connection import under_gevent


class SocketDeadline:
    """Shuts a socket down if the block takes longer than `seconds`.

    The library that waits for data on the socket sees an end of file then, and raises its own error for a
    lost connection.  (An exception thrown into the waiting greenlet would find the library in the middle of
    its protocol, and make it wait again for the response to its ROLLBACK.)
    """

    def __init__(self, descriptor: int, seconds: float) -> None:
        self._descriptor = descriptor
        self._seconds = max(seconds, 0.001)
        self._timer: Any = None
        self.expired = False

    def __enter__(self) -> Self:
        if under_gevent():
            from gevent import get_hub

            self._timer = get_hub().loop.timer(self._seconds)
            self._timer.start(self._expire)
        else:
            self._timer = threading.Timer(self._seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(self._timer, threading.Timer):
            self._timer.cancel()
        else:
            self._timer.stop()
            self._timer.close()

    def _expire(self) -> None:
        self.expired = True
        with suppress(OSError), socket.socket(fileno=self._descriptor) as sock:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            finally:
                sock.detach()  # the library owns the descriptor
