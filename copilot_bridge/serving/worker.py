"""gunicorn's gevent worker, with an end that does not wait for idle connections."""

from types import TracebackType
from typing import Any

import gevent
from gunicorn.workers.ggevent import GeventWorker


class Worker(GeventWorker):  # type: ignore[misc]
    """A client that keeps its connection open for its next request would hold up the stop for as long
    as the whole keep-alive time; streams that still run are waited for as ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: set[gevent.Greenlet] = set()

    def timeout_ctx(self) -> "Idle":
        """gunicorn enters it while it waits for the next request of a connection."""
        return Idle(self._idle, self.cfg.keepalive if self.alive else 0)

    def handle_exit(self, sig: int, frame: Any) -> None:
        super().handle_exit(sig, frame)
        gevent.spawn(gevent.killall, list(self._idle), block=False)


class Idle:
    """A connection between two requests: for so many seconds, and until the worker stops."""

    def __init__(self, idle: set[gevent.Greenlet], seconds: float) -> None:
        self._idle = idle
        self._timeout = gevent.Timeout(seconds, False)

    def __enter__(self) -> None:
        self._idle.add(gevent.getcurrent())
        self._timeout.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._idle.discard(gevent.getcurrent())
        self._timeout.close()
        return error is self._timeout
