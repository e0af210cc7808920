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
        self._idle: set[gevent.Greenlet] = set()

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
        gevent.spawn(gevent.killall, list(self._idle), block=False)

    def handle_quit(self, _signal: int, _frame: Any) -> None:
        """gunicorn's own raises SystemExit in a greenlet, which prints a traceback."""
        self.alive = False
        gevent.spawn(gevent.killall, list(self._connections), timeout=LAST_WORDS)


class Idle:
    """A connection between two requests: for so many seconds, and until the worker stops."""

    def __init__(self, idle: set[gevent.Greenlet], seconds: float) -> None:
        self._idle = idle
        self._timeout = gevent.Timeout(seconds, False)

    def __enter__(self) -> None:
        self._idle.add(gevent.getcurrent())
        self._timeout.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self._idle.discard(gevent.getcurrent())
        self._timeout.close()
        return error is self._timeout
