"""Applies the operator's rate limits, and the cooldowns that Copilot requests, to each request.

The limits are kept in the store, so they hold for all workers together and over a restart.  (The library
`limits` would need a Redis for that.)  Without limits a request costs one look into memory.
"""

import logging
import threading
import time
import uuid
from bisect import insort
from collections.abc import Callable
from typing import TypeVar

from copilot_bridge.access.authentication import Caller
from copilot_bridge.access.cooldowns import Alternatives, Cooldowns, no_alternatives
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, StoreBusy, StoreError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.cooldowns import CooldownTable
from copilot_bridge.store.rate_limits import TICKET_TTL, AdmissionLimit, Decision, RateLimitTable
from copilot_bridge.store.sqlite import Sqlite
from copilot_bridge.waits import retry_after_header

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_INTERVAL = (
    0.2  # seconds, between two requests of the queue's first, in case a request of another worker ends
)
MIN_SLEEP, MAX_SLEEP = 0.005, 5.0  # seconds


class RateLimiter:
    """The queues of this process for the limits that all workers share; one instance per process."""

    def __init__(
        self,
        config: Config,
        table: RateLimitTable,
        cooldowns: CooldownTable,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._min_interval = config.rate_limit or 0.0
        self._max_concurrent = config.max_concurrent or 0
        self._max_queued = config.max_waiting
        self.wait = config.queue_requests
        self.cooldowns = Cooldowns(config, cooldowns, changes, clock)
        self._table = table
        self._fallback = RateLimitTable(Sqlite(None))  # of this worker alone, while the store can't be used
        self._queues: dict[str, list[QueueWaiter]] = {}
        self._live_tickets: set[str] = set()
        self._renewing = False
        self._warned = False

    def admission(
        self,
        caller: Caller,
        account: str,
        approve: Callable[[], None] | None = None,
        alternatives: Alternatives = no_alternatives,
    ) -> "Admission":
        """Collects the limits for a request.

        :param approve: called once before everything else; raises BridgeError to reject the request.
        :param alternatives: gives the models to suggest instead of one in a cooldown.
        """
        limits = []
        if rate := caller.rate_limit:
            limits.append(AdmissionLimit(f"caller {caller.id}", rate=(rate.count, rate.period)))
        if self._min_interval or self._max_concurrent:
            name = f"account {account}"
            limits.append(AdmissionLimit(name, self._min_interval, max_concurrent=self._max_concurrent))
        return Admission(self, account, limits, approve, alternatives)

    # Queues.

    def acquire(self, limit: AdmissionLimit, ticket: str, *, wait: bool) -> None:
        """Blocks until the limit admits the ticket.  Raises BridgeError "rate_limited"."""
        try:
            if wait:
                self._wait_in_queue(limit, ticket)
            elif not (decision := self._request(limit, ticket, False)).granted:
                raise too_many_requests("the rate limit of the bridge is reached", decision.wait)
        except BaseException:  # also when the client disconnects, so that nobody waits for its ticket
            self.release(ticket)
            raise
        if limit.max_concurrent:
            self._keep_alive(ticket)

    def _wait_in_queue(self, limit: AdmissionLimit, ticket: str) -> None:
        """Waits in the queue of all workers; only the first waiter of this process polls the store."""
        waiter = QueueWaiter(0)
        queue = self._queues.setdefault(limit.name, [])
        try:
            while not (decision := self._request(limit, ticket, True)).granted:
                if decision.queue_full:
                    raise too_many_requests("the queue of the bridge is full", decision.wait)
                if decision.position and waiter not in queue:
                    self._keep_alive(ticket)
                    waiter.position = decision.position
                    insort(queue, waiter)
                if limit.skips_queue or queue[0] is waiter:
                    waiter.clear()
                    waiter.wait(self._pause(limit, decision))
                else:
                    waiter.wait()
        finally:
            self._live_tickets.discard(ticket)
            if waiter in queue:
                queue.remove(waiter)
            if queue:
                queue[0].set()
            elif self._queues.get(limit.name) is queue:
                del self._queues[limit.name]

    def _pause(self, limit: AdmissionLimit, decision: Decision) -> float:
        """Seconds until the next request to the store is worthwhile."""
        if decision.wait > 0:
            return min(decision.wait, MAX_SLEEP)
        if decision.at_capacity or not limit.min_interval:
            return POLL_INTERVAL
        # It is another worker's turn, which will be over in a moment.
        return max(MIN_SLEEP, min(limit.min_interval / 4, POLL_INTERVAL))

    def _request(self, limit: AdmissionLimit, ticket: str, queue: bool) -> Decision:
        return self._with_table(
            lambda table: table.request(limit, ticket, queue=queue, max_queued=self._max_queued)
        )

    def release(self, *tickets: str) -> None:
        self._live_tickets.difference_update(tickets)
        self._with_table(lambda table: table.release(*tickets))
        for queue in self._queues.values():
            if queue:
                queue[0].set()

    def refund(self, limit: AdmissionLimit, ticket: str) -> None:
        self._with_table(lambda table: table.refund(limit, ticket))

    def _keep_alive(self, ticket: str) -> None:
        """Starts renewing a ticket, which expires when its process dies."""
        self._live_tickets.add(ticket)
        if not self._renewing:
            self._renewing = True
            threading.Thread(target=self._renew_tickets, daemon=True).start()

    def _renew_tickets(self) -> None:
        while self._live_tickets:
            time.sleep(TICKET_TTL / 4)
            self._with_table(lambda table: table.keep_alive(sorted(self._live_tickets)))
        self._renewing = False

    def _with_table(self, act: Callable[[RateLimitTable], T]) -> T:
        try:
            done = act(self._table)
        except StoreBusy:  # counting in this worker alone would admit too many
            raise too_many_requests(
                "the rate limits can't be checked: the store is overloaded", 1.0
            ) from None
        except StoreError as error:
            if not self._warned:
                log.warning(
                    "the store can't be used, so each worker applies the rate limits by itself: %s", error
                )
            self._warned = True
            return act(self._fallback)
        self._warned = False
        return done


class QueueWaiter(threading.Event):
    """A waiting request, set when it may be its turn.  `position`: in the queue of all workers."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    def __lt__(self, other: "QueueWaiter") -> bool:
        return self.position < other.position


class Admission:
    """The limits that admit one request; `release` has to be called when the response has ended."""

    def __init__(
        self,
        limiter: RateLimiter,
        account: str,
        limits: list[AdmissionLimit],
        approve: Callable[[], None] | None,
        alternatives: Alternatives,
    ) -> None:
        self._approve = approve
        self._limiter = limiter
        self._account = account
        self._limits = limits
        self._alternatives = alternatives
        self._tickets: dict[str, str] = {}  # limit -> ticket, held until the response ends
        self.waited = 0.0  # seconds

    def acquire(self, model: str = "", path: str = "") -> None:
        """Blocks until Copilot may be asked; called before each try.  Raises BridgeError "rate_limited"."""
        began = time.monotonic()
        try:
            self._limiter.cooldowns.check(self._account, model, path, self._alternatives)
            self._acquire()
        finally:
            self.waited += time.monotonic() - began

    def _acquire(self) -> None:
        if self._approve is not None:
            self._approve()
            self._approve = None
        is_retry = bool(self._tickets)
        limits = for_retry(self._limits) if is_retry else self._limits
        acquired: list[tuple[AdmissionLimit, str]] = []
        try:
            for limit in limits:
                ticket = uuid.uuid4().hex
                self._limiter.acquire(limit, ticket, wait=self._limiter.wait or is_retry)
                acquired.append((limit, ticket))
                self._tickets.setdefault(limit.name, ticket)
        except BridgeError:
            for limit, ticket in acquired:
                self._limiter.refund(limit, ticket)
            raise

    def note_refusal(self, error: BridgeError, model: str = "", path: str = "") -> None:
        """Starts a cooldown if Copilot's refusal asks for one."""
        self._limiter.cooldowns.note(self._account, error, model, path)

    def release(self) -> None:
        tickets, self._tickets = list(self._tickets.values()), {}
        if tickets:
            self._limiter.release(*tickets)


def for_retry(limits: list[AdmissionLimit]) -> list[AdmissionLimit]:
    """The limits for a request that they have admitted once: only the interval counts, and no queue."""
    return [
        AdmissionLimit(limit.name, min_interval=limit.min_interval, skips_queue=True)
        for limit in limits
        if limit.min_interval
    ]


def too_many_requests(message: str, wait: float) -> BridgeError:
    return BridgeError(message, kind="rate_limited", headers=retry_after_header(max(wait, 1.0)))
