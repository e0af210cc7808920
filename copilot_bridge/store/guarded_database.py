"""The database as requests use it: each use has a deadline, and none is tried while the database is down.

A request continues with what is known without the store.  Beside the requests, one thread (a greenlet in the
server) finds out whether the database is back.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from msgspec import Struct

from copilot_bridge.errors import StoreBusy, StoreError, StoreUnavailable
from copilot_bridge.store.database import Database, Transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_INTERVAL = 1.0  # seconds between two probes whether the database is back
PROBE_EXTRA_TIME = 0.5  # seconds that a probe may take longer than a request


class Outage(Struct, frozen=True):
    """An outage of the store.  `since`: unix seconds.  `readable`: reads still succeed."""

    reason: str
    since: float
    readable: bool


class CircuitBreaker:
    """Refuses reads, or writes, while the database is down for them, and probes whether it is back.

    A use that took too long may have met a busy database.  Only if a probe fails as well, the database counts
    as down: without the database, rate limits would not slow down a burst.

    :ivar changed: called whenever the database goes down or is back.
    """

    def __init__(self, probe: Callable[[], object], purpose: str) -> None:
        self._probe = probe
        self._purpose = purpose
        self.changed: Callable[[], object] = lambda: None
        self._starting = threading.Lock()
        self.probing = False
        self.failure: StoreUnavailable | None = None
        self.since = 0.0

    def call(self, use: Callable[[], T]) -> T:
        """Use the database.  Raises StoreUnavailable: it is down.  StoreBusy: it took too long."""
        self.check()
        if self.probing:  # so that a request with several uses waits for one of them only
            raise StoreBusy("the store did not respond in time, and is being probed")
        try:
            return use()
        except StoreUnavailable as error:
            self._start_probing()
            raise StoreBusy(str(error)) from error

    def check(self) -> None:
        """Refuse a use while the database is known to be down.  Raises StoreUnavailable."""
        if self.failure is not None:
            raise self.failure

    def _start_probing(self) -> None:
        with self._starting:
            if self.probing:
                return
            self.probing = True
        threading.Thread(target=self._probe_until_back, daemon=True).start()

    def _probe_until_back(self) -> None:
        """Probe once, and again until the database is back."""
        began = time.monotonic()
        try:
            while (failure := self._failure()) is not None:
                is_news, self.failure = self.failure is None, failure
                if is_news:
                    self.since = time.time()
                    log.warning(
                        "the store can't be %s, so requests continue without it: %s", self._purpose, failure
                    )
                    self.changed()
                time.sleep(RETRY_INTERVAL)
            if self.failure is not None:
                away = time.monotonic() - began
                log.warning("the store can be %s again, after %.0f s", self._purpose, away)
        finally:
            was_away, self.failure = self.failure is not None, None
            self.probing = False
            if was_away:
                self.changed()

    def _failure(self) -> StoreUnavailable | None:
        try:
            self._probe()
        except StoreUnavailable as error:
            return error
        except StoreError as error:  # the database responds, so each use will raise its own error
            log.debug("the store responds: %s", error)
        return None


class GuardedDatabase:
    """A `Database` whose uses take no longer than `timeout` seconds."""

    def __init__(self, database: Database, timeout: float) -> None:
        self._database = database
        self._timeout = timeout
        self.location = database.location
        self.persistent = database.persistent
        probe_timeout = timeout + PROBE_EXTRA_TIME
        self._reads = CircuitBreaker(lambda: database.read(probe, probe_timeout), "read")
        self._writes = CircuitBreaker(lambda: database.run(probe, probe_timeout), "written to")
        self.background = BackgroundDatabase(database, self._reads, self._writes)

    def on_outage_change(self, listener: Callable[[], object]) -> None:
        """Call `listener` whenever `outage` changes."""
        self._reads.changed = self._writes.changed = listener

    def run(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        limit = self._limit(timeout)
        if self._reads.probing:  # while reads fail, writes would fail as well
            self._reads.check()
            raise StoreBusy("the store did not respond in time, and is being probed")
        return self._writes.call(lambda: self._database.run(work, limit))

    def read(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        limit = self._limit(timeout)
        return self._reads.call(lambda: self._database.read(work, limit))

    def lock(self, name: str, timeout: float | None = None) -> AbstractContextManager[object]:
        return nullcontext() if self._writes.failure else self._database.lock(name, timeout)

    def checkpoint(self) -> None:
        self._database.checkpoint()

    def check(self) -> str | None:
        return self._database.check()

    def close(self) -> None:
        self._database.close()

    def _limit(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else min(timeout, self._timeout)

    @property
    def outage(self) -> Outage | None:
        """The present outage, if one is known."""
        for circuit in (self._reads, self._writes):
            if failure := circuit.failure:
                return Outage(str(failure), circuit.since, circuit is self._writes)
        return None


class BackgroundDatabase:
    """A `Database` for slow work, which is refused while the database is known to be down.

    Slow work says nothing about the short uses of requests, so it never opens a circuit.
    """

    def __init__(self, database: Database, reads: CircuitBreaker, writes: CircuitBreaker) -> None:
        self._database = database
        self._reads, self._writes = reads, writes
        self.location = database.location
        self.persistent = database.persistent

    def run(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        self._writes.check()
        return self._database.run(work, timeout)

    def read(self, work: Callable[[Transaction], T], timeout: float | None = None) -> T:
        self._reads.check()
        return self._database.read(work, timeout)

    def lock(self, name: str, timeout: float | None = None) -> AbstractContextManager[object]:
        return self._database.lock(name, timeout)

    def checkpoint(self) -> None:
        self._database.checkpoint()

    def check(self) -> str | None:
        return self._database.check()

    def close(self) -> None:
        self._database.close()


def probe(transaction: Transaction) -> None:
    transaction.rows("SELECT name FROM migrations LIMIT 1")
