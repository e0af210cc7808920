"""A limit on the time of one fetch, in spite of libraries that restart their timeouts with each byte."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

from copilot_bridge.upstream.public_web.errors import TOO_SLOW, FetchError


class Deadline:
    """The time limit of one fetch, as a context that lasts as long as the fetch.

    A socket's timeout restarts with each byte, and libraries do most of the reading.  So each connection is
    watched through a second handle, and at the deadline all are shut down, which wakes their readers.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._handles: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        for handle in self._handles:
            handle.close()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def remaining(self) -> float:
        """The remaining seconds, more than 0.

        :raises FetchError: the time is over.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise FetchError(TOO_SLOW)
        return seconds

    def watch(self, connection: socket.socket) -> None:
        self._handles.append(connection.dup())
        if self.is_over:  # the timer may have run already
            self._shut_down()

    def _shut_down(self) -> None:
        for handle in list(self._handles):
            with suppress(OSError):  # the server has closed it
                handle.shutdown(socket.SHUT_RDWR)
