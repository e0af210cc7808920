"""gunicorn's gevent worker, with an end that waits for streams and for nothing else."""

from types import TracebackType
from typing import Any

import gevent
from gunicorn.workers.ggevent import GeventWorker

# A stream that is cut off still tells its client so.
LAST_WORDS = 0.5


class Worker(GeventWorker):  # type: ignore[misc]
    """SIGTERM: running streams go on for `graceful_timeout`.  SIGINT, SIGQUIT: they are ended at once.

    A client that keeps its connection open for its next request would hold up the stop for as long
    as the whole keep-alive time, so idle connections are closed in either case.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[gevent.Greenlet] = set()
        self._idle: Idles = {}

    def handle(self, *args: Any) -> None:
        served = gevent.getcurrent()
        self._connections.add(served)
        try:
            super().handle(*args)
        finally:
            self._connections.discard(served)

    def timeout_ctx(self) -> "Idle":
        """gunicorn enters it while it waits for the next request of a connection."""
        return Idle(self._idle, self.cfg.keepalive if self.alive else 0)

    def handle_exit(self, _signal: int, _frame: Any) -> None:
        self.alive = False
        gevent.spawn(self._end_idle)

    def handle_quit(self, _signal: int, _frame: Any) -> None:
        """gunicorn's own raises SystemExit in a greenlet, which prints a traceback."""
        self.alive = False
        gevent.spawn(self._end_all)

    def _end_idle(self) -> None:
        for connection, timeout in list(self._idle.items()):
            connection.kill(timeout, block=False)  # as if its time were over

    def _end_all(self) -> None:
        self._end_idle()
        gevent.killall(self._connections - self._idle.keys(), timeout=LAST_WORDS)


Idles = dict[gevent.Greenlet, gevent.Timeout]


class Idle:
    """A connection between two requests: for so many seconds, and until the worker stops."""

    def __init__(self, idle: Idles, seconds: float) -> None:
        self._idle = idle
        self._timeout = gevent.Timeout(seconds, False)

    def __enter__(self) -> None:
        self._idle[gevent.getcurrent()] = self._timeout
        self._timeout.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self._idle.pop(gevent.getcurrent(), None)
        self._timeout.close()
        return error is self._timeout
