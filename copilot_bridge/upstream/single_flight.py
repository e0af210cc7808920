"""One fetch for all that wait for the same thing, and none of them can break it off for the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """A fetch goes on in a thread of its own (a greenlet, under gevent): whoever waits may leave."""

    def __init__(self) -> None:
        self._under_way: dict[str, Future[T]] = {}

    def join(self, key: str, fetch: Callable[[], T]) -> T:
        """What the fetch under way for this key brings, or raises; begins one if there is none."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = Future()
            threading.Thread(target=self._fly, args=(key, flight, fetch), daemon=True).start()
        return flight.result()

    def _fly(self, key: str, flight: "Future[T]", fetch: Callable[[], T]) -> None:
        try:
            result = fetch()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._under_way.pop(key, None)
            flight.set_exception(error)
        else:
            self._under_way.pop(key, None)
            flight.set_result(result)
