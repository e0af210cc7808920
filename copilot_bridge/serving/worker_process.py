"""A worker as gunicorn's master has it, without gevent and the application: the master stays small."""

import mmap
import signal
from typing import Any

from gunicorn.workers.base import Worker as BaseWorker

from copilot_bridge.serving.garbage_collector import pause_garbage_collector
from copilot_bridge.serving.patching import import_without_extras

CONDITION_SIZE = 1024  # bytes

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class WorkerProcess(BaseWorker):  # type: ignore[misc]
    """A worker, made before the fork.  In the new process it imports the class that serves, and runs it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Both are memory that the worker writes, and the master reads.
        self._serving = mmap.mmap(-1, 1)
        self._condition = mmap.mmap(-1, CONDITION_SIZE)

    @property
    def serving(self) -> bool:
        """True if the worker has begun to accept connections."""
        return self._serving[0] == 1

    @property
    def condition(self) -> str:
        """The service's condition, as this worker reports it; nothing before its first check."""
        return self._condition[:].rstrip(b"\0").decode(errors="replace")

    def report_serving(self) -> None:
        self._serving[0] = 1

    def report_condition(self, summary: str) -> None:
        self._condition[:] = summary.encode()[:CONDITION_SIZE].ljust(CONDITION_SIZE, b"\0")

    def init_process(self) -> None:
        """Become the worker that serves; returns when it has ended."""
        for number in STOP_SIGNALS:  # the master's handlers would lose them until the worker has its own
            signal.signal(number, signal.SIG_DFL)
        pause_garbage_collector()
        import_without_extras("msgspec")
        from copilot_bridge.serving.worker import Worker  # gevent, which is no part of the master

        worker = Worker(self)
        try:
            worker.init_process()
        finally:
            self.booted = worker.booted
