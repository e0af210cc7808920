"""How often: the operator's limits, and the rests that Copilot asks for (`rests`).

The limits are kept in the store, so they hold for all workers together and over a restart.  (The library
`limits` would need a Redis for that.)  Without limits a request costs no more than a look into memory.
"""

import logging
import threading
import time
import uuid
from bisect import insort
from collections.abc import Callable
from typing import TypeVar

from copilot_bridge.access.authentication import Caller
from copilot_bridge.access.rests import Others, Rests, nobody
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, StoreBusy, StoreError
from copilot_bridge.store.change_counter import ChangeCounter
from copilot_bridge.store.cooldowns import CooldownTable
from copilot_bridge.store.rate_limits import TICKET_TTL, Decision, Limit, RateLimitTable
from copilot_bridge.store.sqlite import Sqlite
from copilot_bridge.waits import header

T = TypeVar("T")

log = logging.getLogger(__name__)

NUDGE = 0.2  # s: how often the first of a queue looks whether somebody in another worker has left
LONGEST_SLEEP = 5.0


class Pace:
    """One for the process."""

    def __init__(
        self,
        config: Config,
        table: RateLimitTable,
        rests: CooldownTable,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gap = config.rate_limit or 0.0
        self._most = config.max_concurrent or 0
        self._room = config.max_waiting
        self.wait = config.queue_requests
        self.rests = Rests(config, rests, changes, clock)
        self._table = table
        self._spare = RateLimitTable(Sqlite(None))  # while the store can't be used the limits hold per worker
        self._queues: dict[str, list[Turn]] = {}
        self._held: set[str] = set()
        self._beating = False
        self._warned = False

    def passage(
        self,
        caller: Caller,
        account: str,
        approve: Callable[[], None] | None = None,
        others: Others = nobody,
    ) -> "Passage":
        """:param approve: asked once, before anything else; raises what it has against the request.
        :param others: the models that may be named to who asks for one that rests.
        """
        lanes = []
        if caller.rate:
            lanes.append(Limit(f"caller {caller.id}", rate=(caller.rate.count, caller.rate.period)))
        if self._gap or self._most:
            lanes.append(Limit(f"account {account}", gap=self._gap, most=self._most))
        return Passage(self, account, lanes, approve, others)

    # Queues.

    def enter(self, lane: Limit, ticket: str, *, wait: bool) -> None:
        """Returns when it may go.  Raises BridgeError "rate_limited"."""
        try:
            if wait:
                self._stand_in_line(lane, ticket)
            elif not (verdict := self._ask(lane, ticket, False)).granted:
                raise too_many("the bridge spaces requests out, and this one came too early", verdict.wait)
        except BaseException:  # a client that left is in nobody's way
            self.leave(ticket)
            raise
        if lane.most:
            self._hold(ticket)

    def _stand_in_line(self, lane: Limit, ticket: str) -> None:
        """Of the queue of all workers; of those in this one only the first asks again and again."""
        turn = Turn(0)
        queue = self._queues.setdefault(lane.name, [])
        try:
            while not (verdict := self._ask(lane, ticket, True)).granted:
                if verdict.full:
                    raise too_many("too many requests are waiting already", verdict.wait)
                if verdict.place and turn not in queue:
                    self._hold(ticket)
                    turn.place = verdict.place
                    insort(queue, turn)
                if lane.ahead or queue[0] is turn:
                    turn.clear()
                    turn.wait(self._pause(lane, verdict))
                else:
                    turn.wait()
        finally:
            self._held.discard(ticket)
            if turn in queue:
                queue.remove(turn)
            if queue:
                queue[0].set()
            elif self._queues.get(lane.name) is queue:
                del self._queues[lane.name]

    def _pause(self, lane: Limit, verdict: Decision) -> float:
        """Until it is worth asking again."""
        if verdict.wait > 0:
            return min(verdict.wait, LONGEST_SLEEP)
        if verdict.crowded or not lane.gap:
            return NUDGE
        return max(0.005, min(lane.gap / 4, NUDGE))  # another worker's turn, who will take it any moment

    def _ask(self, lane: Limit, ticket: str, queue: bool) -> Decision:
        return self._try(lambda table: table.ask(lane, ticket, queue=queue, room=self._room))

    def leave(self, *tickets: str) -> None:
        self._held.difference_update(tickets)
        self._try(lambda table: table.leave(*tickets))
        for queue in self._queues.values():
            if queue:
                queue[0].set()

    def give_back(self, lane: Limit, ticket: str) -> None:
        self._try(lambda table: table.give_back(lane, ticket))

    def _hold(self, ticket: str) -> None:
        """Say from time to time that its holder lives."""
        self._held.add(ticket)
        if not self._beating:
            self._beating = True
            threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while self._held:
            time.sleep(TICKET_TTL / 4)
            self._try(lambda table: table.keep_alive(sorted(self._held)))
        self._beating = False

    def _try(self, act: Callable[[RateLimitTable], T]) -> T:
        try:
            done = act(self._table)
        except StoreBusy:  # to count alone would let more pass than may
            raise too_many("too many requests at once for the store that counts them", 1.0) from None
        except StoreError as error:
            if not self._warned:
                log.warning("limits hold for each worker by itself: %s", error)
            self._warned = True
            return act(self._spare)
        self._warned = False
        return done


class Turn(threading.Event):
    """Rings when it may be one's turn.  `place`: in the queue of all workers."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def __lt__(self, other: "Turn") -> bool:
        return self.place < other.place


class Passage:
    """One request's way through the lanes; `leave` has to be called when its answer has ended."""

    def __init__(
        self,
        pace: Pace,
        account: str,
        lanes: list[Limit],
        approve: Callable[[], None] | None,
        others: Others,
    ) -> None:
        self._approve = approve
        self._pace = pace
        self._account = account
        self._lanes = lanes
        self._others = others
        self._tickets: dict[str, str] = {}  # lane -> ticket, of those that are held until the end
        self.waited = 0.0  # seconds

    def enter(self, model: str = "", path: str = "") -> None:
        """Before each request to Copilot.  Blocks; raises BridgeError "rate_limited"."""
        began = time.monotonic()
        try:
            self._pace.rests.check(self._account, model, path, self._others)
            self._enter()
        finally:
            self.waited += time.monotonic() - began

    def _enter(self) -> None:
        if self._approve is not None:
            self._approve()
            self._approve = None
        again = bool(self._tickets)
        passed: list[tuple[Limit, str]] = []
        try:
            for lane in self._lanes:
                if again and not lane.gap:
                    continue  # the same request once more: it counts once, and has its place
                ticket = uuid.uuid4().hex
                spaced = Limit(lane.name, gap=lane.gap, ahead=True) if again else lane
                self._pace.enter(spaced, ticket, wait=self._pace.wait or again)
                passed.append((lane, ticket))
                self._tickets.setdefault(lane.name, ticket)
        except BridgeError:
            for lane, ticket in passed:
                self._pace.give_back(lane, ticket)
            raise

    def refused(self, error: BridgeError, model: str = "", path: str = "") -> None:
        """Copilot's refusals."""
        self._pace.rests.note(self._account, error, model, path)

    def leave(self) -> None:
        tickets, self._tickets = list(self._tickets.values()), {}
        if tickets:
            self._pace.leave(*tickets)


def too_many(message: str, wait: float) -> BridgeError:
    return BridgeError(message, kind="rate_limited", headers=header(max(wait, 1.0)))
