"""One fetch for all callers that wait for the same thing; none of them can interrupt it for the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")

Start = Callable[[Callable[[], None]], object]


def start_thread(run: Callable[[], None]) -> None:
    threading.Thread(target=run, daemon=True).start()


class SingleFlight(Generic[T]):
    """Fetches that run in threads of their own (greenlets, under gevent), so that any caller may leave.

    :param start: runs a fetch elsewhere.
    """

    def __init__(self, start: Start = start_thread) -> None:
        self._start = start
        self._running: dict[str, Future[T]] = {}

    def do(self, key: str, fetch: Callable[[], T]) -> T:
        """Return the result, or raise the exception, of the running fetch for this key.

        Begin one if there is none.
        """
        return self.begin(key, fetch).result()

    def begin(self, key: str, fetch: Callable[[], T]) -> "Future[T]":
        """Begin a fetch unless one runs for this key.  The caller need not wait for its result."""
        future = self._running.get(key)
        if future is None:
            future = self._running[key] = Future()
            self._start(partial(self._run, key, future, fetch))
        return future

    def _run(self, key: str, future: "Future[T]", fetch: Callable[[], T]) -> None:
        try:
            result = fetch()
        except BaseException as error:  # noqa: BLE001 - the callers raise it again
            self._running.pop(key, None)
            future.set_exception(error)
        else:
            self._running.pop(key, None)
            future.set_result(result)
