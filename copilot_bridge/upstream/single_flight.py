"""One fetch for all callers that wait for the same thing; none of them can interrupt it for the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Fetches that run in threads of their own (greenlets, under gevent), so that any caller may leave."""

    def __init__(self) -> None:
        self._running: dict[str, Future[T]] = {}

    def do(self, key: str, fetch: Callable[[], T]) -> T:
        """The result, or the exception, of the fetch that runs for this key; begins one if there is none."""
        future = self._running.get(key)
        if future is None:
            future = self._running[key] = Future()
            threading.Thread(target=self._run, args=(key, future, fetch), daemon=True).start()
        return future.result()

    def _run(self, key: str, future: "Future[T]", fetch: Callable[[], T]) -> None:
        try:
            result = fetch()
        except BaseException as error:  # noqa: BLE001 - the callers raise it again
            self._running.pop(key, None)
            future.set_exception(error)
        else:
            self._running.pop(key, None)
            future.set_result(result)
