"""Concurrent callers share one fetch, and none of them can cancel it for the others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from copilot_bridge.upstream.single_flight import SingleFlight


class Slow:
    """A fetch that waits to be let go, and counts how often it was begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.arrived, self.go = threading.Event(), threading.Event()
        self._error = error

    def __call__(self) -> str:
        self.begun += 1
        self.arrived.set()
        assert self.go.wait(10)
        if self._error:
            raise self._error
        return "fetched"


@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_all_that_wait_share_one_fetch_and_its_failure(error: Exception | None) -> None:
    flights: SingleFlight[str] = SingleFlight()
    fetch = Slow(error)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(flights.do, "a", fetch)
        assert fetch.arrived.wait(10)
        later = [pool.submit(flights.do, "a", fetch) for _ in range(7)]
        while len(flights._running["a"]._condition._waiters) < 8:  # type: ignore[attr-defined]
            pass
        fetch.go.set()
        ends = [future.exception(10) or future.result() for future in (first, *later)]
    assert ends == [error or "fetched"] * 8
    assert fetch.begun == 1


def test_a_flight_that_is_over_is_not_joined() -> None:
    flights: SingleFlight[int] = SingleFlight()
    assert [flights.do("a", lambda: 1), flights.do("a", lambda: 2)] == [1, 2]
