"""When a request waits for the store, and when it uses the data in memory."""

import threading
import time
from collections.abc import Callable

import pytest

from copilot_bridge.access import reloading_cache
from copilot_bridge.access.reloading_cache import ReloadingCache
from copilot_bridge.shared_memory.change_counter import ChangeCounter

LONG = 10.0  # seconds, the longest that a test waits for what comes at once


class Reads:
    """Counts the reads of a store that responds while `answers` is set."""

    def __init__(self) -> None:
        self.responses = threading.Event()
        self.responses.set()
        self.begun = threading.Semaphore(0)
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        self.begun.release()
        self.responses.wait(LONG)


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def changes() -> ChangeCounter:
    return ChangeCounter(None)


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def silent(reads: Reads) -> None:
    reads.begun.acquire(timeout=LONG)
    reads.responses.clear()


def test_recent_data_is_not_reloaded(reads: Reads, changes: ChangeCounter) -> None:
    known = ReloadingCache(changes, reads, 1.0)
    known.refresh()
    known.refresh()
    assert reads.count == 1


def test_a_request_waits_for_a_change(reads: Reads, changes: ChangeCounter) -> None:
    known = ReloadingCache(changes, reads, 1.0)
    known.refresh()
    changes.bump()
    known.refresh()
    assert reads.count == 2


def test_older_data_is_reloaded_in_the_background(
    reads: Reads, changes: ChangeCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading_cache, "RELOAD_AGE", 0.0)
    known = ReloadingCache(changes, reads, 1.0)
    known.refresh()
    silent(reads)
    known.refresh()
    known.refresh()
    assert reads.begun.acquire(timeout=LONG)
    assert reads.count == 2, "one reload for all"
    reads.responses.set()


@pytest.mark.parametrize("waits", [True, False])
def test_a_request_waits_for_old_data_where_it_matters(
    reads: Reads, changes: ChangeCounter, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    monkeypatch.setattr(reloading_cache, "RELOAD_AGE", 0.0)
    monkeypatch.setattr(reloading_cache, "MAX_AGE", 0.0)
    known = ReloadingCache(changes, reads, 1.0, waits_for_others=waits)
    known.refresh()
    silent(reads)
    looking = in_thread(known.refresh)
    assert reads.begun.acquire(timeout=LONG)
    looking.join(0.1 if waits else LONG)
    assert looking.is_alive() is waits
    reads.responses.set()
    looking.join(LONG)


def test_a_waiting_request_outlasts_the_reload(reads: Reads, changes: ChangeCounter) -> None:
    """The reload ends at its deadline; a request that gave up earlier would try the silent store again."""
    deadline = 0.3
    known = ReloadingCache(changes, lambda: (reads(), time.sleep(deadline))[0], deadline)
    first = in_thread(known.refresh)
    assert reads.begun.acquire(timeout=LONG)
    known.refresh()
    assert not known._lock.locked(), "the reload has ended"
    assert reads.count == 1
    first.join(LONG)


def test_a_request_does_not_wait_for_a_reload_without_end(reads: Reads, changes: ChangeCounter) -> None:
    reads.responses.clear()
    known = ReloadingCache(changes, reads, 0.05)
    first = in_thread(known.refresh)
    assert reads.begun.acquire(timeout=LONG)
    known.refresh()
    assert first.is_alive()
    reads.responses.set()
    first.join(LONG)
