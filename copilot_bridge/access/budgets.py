"""Holds requests to the operator's budgets: reserves an estimate before each, and counts its cost at the end.

Without budgets a request costs one look into memory.  A running response is never cut off: a budget that is
used up refuses the next request.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from cachetools import LRUCache
from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.access.reloading_cache import ReloadingCache
from copilot_bridge.access.settlement_journal import Settlement, SettlementJournal, new_ticket
from copilot_bridge.billing.budgets import Budget, Standing, applicable, counted
from copilot_bridge.billing.charge import Charge
from copilot_bridge.errors import BridgeError, StoreBusy, StoreError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.budgets import BudgetTable, Demand, Grant, Held
from copilot_bridge.waits import retry_after_header

log = logging.getLogger(__name__)

HEADER = "x-copilot-bridge-budget"
# seconds after which a request may come again if running requests have reserved the rest of its budget
WAIT = 5.0
MAX_REMEMBERED = 10_000  # budgets
MAX_UNSETTLED = 10_000  # requests that wait for the store


class Reservation(Struct, frozen=True):
    """The reservation of one request.

    :param reset: of the plan's allowance, unix seconds.
    :param demands: with the estimates.  :param grant: None: the store could not be asked.
    """

    ticket: str
    reset: float | None
    demands: tuple[Demand, ...]
    grant: Grant | None

    @property
    def held(self) -> dict[tuple[Budget, str], Held]:
        """The reserved amounts, by budget and subject."""
        starts = self.grant.starts if self.grant else ()
        return {
            (demand.budget, demand.subject): (start, demand.amount)
            for demand, start in zip(self.demands, starts, strict=False)
        }

    @property
    def header(self) -> str | None:
        """The standing of the budget of which the least is left; None: there is no budget."""
        standings = self.grant.standings if self.grant else ()
        return max(standings, key=lambda standing: standing.percent).header() if standings else None


class Budgets:
    """The budgets of this process, which all workers share; one instance per process.

    :param folder: for costs that wait for the store, in case this process ends.  None: they are lost then.
    :ivar threshold_reached: called with each threshold that is reached, once for all workers.
    """

    def __init__(
        self, table: BudgetTable, changes: ChangeCounter, timeout: float, folder: Path | None = None
    ) -> None:
        self._table = table
        self._all: tuple[Budget, ...] = ()
        self._cache = ReloadingCache(changes, self._read, timeout)
        # The last known standings, for times when the store can't be used.
        self._last: LRUCache[tuple[Budget, str], Standing] = LRUCache(MAX_REMEMBERED)
        self._unsettled: list[Settlement] = []
        self._journal = SettlementJournal(folder)
        self._lock = threading.Lock()
        self._warned = False
        self.threshold_reached: Callable[[Standing], object] = lambda standing: log.warning(
            "%s", standing.sentence()
        )

    def reserve(
        self, identity: Mapping[str, str], estimate: Callable[[], Charge], reset: Callable[[], float | None]
    ) -> Reservation | None:
        """Reserve an estimate in each budget of a request.  None: the request has no budget.

        :raises BridgeError: "quota": a budget is used up; "rate_limited": what is left is reserved.
        """
        found = self._applicable(identity)
        if not found:
            return None
        charge, renewed = estimate(), reset()
        demands = tuple(demand_on(budget, subject, charge, renewed) for budget, subject in found)
        ticket = new_ticket()
        grant = self._granted(ticket, demands)
        return Reservation(ticket, renewed, demands, grant)

    def settle(
        self, reservation: Reservation | None, identity: Mapping[str, str], charge: Charge | None
    ) -> None:
        """Count what a request has cost.

        :param charge: None: Copilot did not accept it, so it cost nothing.
        """
        held = reservation.held if reservation else {}
        # Also the budgets that were set meanwhile, and those for which nothing could be reserved.
        keys = list(dict.fromkeys([*held, *(self._applicable(identity) if charge else ())]))
        if not keys:
            return
        reset = reservation.reset if reservation else None
        self._settle(
            Settlement(
                reservation.ticket if reservation else new_ticket(),
                tuple(
                    Demand(budget, subject, (charge and counted(budget.limit.unit, charge)) or 0, reset)
                    for budget, subject in keys
                ),
                tuple(held.get(key) for key in keys),
            )
        )

    def _applicable(self, identity: Mapping[str, str]) -> list[tuple[Budget, str]]:
        self._cache.refresh()
        return applicable(self._all, identity) if self._all else []

    def _read(self) -> None:
        try:
            self._all = self._table.all()
        except StoreError as error:
            self._warn(error)

    def _granted(self, ticket: str, demands: tuple[Demand, ...]) -> Grant | None:
        try:
            if self._unsettled:
                self._flush()
            grant = self._table.reserve(ticket, demands)
        except StoreBusy:  # what this worker remembers would admit too many
            raise BridgeError(
                "the budgets can't be checked: the store is overloaded",
                kind="rate_limited",
                headers=retry_after_header(1.0),
            ) from None
        except StoreError as error:
            self._warn(error)
            self._check_remembered(demands)
            return None
        if self._warned:
            self._warned = False
            self.recover()
        for standing in grant.standings:
            self._last[standing.budget, standing.subject] = standing
        if grant.refused:
            raise refusal(grant.refused)
        return grant

    def _check_remembered(self, demands: tuple[Demand, ...]) -> None:
        """Refuse a request by the standings that this worker knows.  Raises BridgeError."""
        for demand in demands:
            standing = self._last.get((demand.budget, demand.subject))
            if standing and standing.exhausted and not demand.free:
                raise refusal(standing)

    def _settle(self, settlement: Settlement) -> None:
        with self._lock:
            self._unsettled = [*self._unsettled, settlement][-MAX_UNSETTLED:]
        try:
            self._flush()
        except StoreError as error:
            self._warn(error)
            self._remember(settlement)
            self._journal.put(settlement)

    def _flush(self) -> None:
        """Settle the costs that wait for the store.  Raises StoreError: it still has to wait."""
        with self._lock:
            waiting, self._unsettled = self._unsettled, []
        while waiting:
            first = waiting[0]
            try:
                reached = self._table.settle(first.ticket, first.demands, first.held)
            except StoreError:
                with self._lock:
                    self._unsettled[:0] = waiting
                raise
            del waiting[0]
            self._journal.forget(first)
            for standing in reached:
                self.threshold_reached(standing)

    def recover(self) -> None:
        """Count the costs that ended processes could not write to the store."""
        for settlement in self._journal.left_behind():
            self._settle(settlement)

    def _remember(self, settlement: Settlement) -> None:
        for demand in settlement.demands:
            key = demand.budget, demand.subject
            if standing := self._last.get(key):
                self._last[key] = replace(standing, spent=standing.spent + demand.amount)

    def _warn(self, error: StoreError) -> None:
        if not self._warned:
            log.warning("the store can't be used, so each worker checks budgets by what it knows: %s", error)
        self._warned = True


def demand_on(budget: Budget, subject: str, charge: Charge, reset: float | None) -> Demand:
    amount = counted(budget.limit.unit, charge)
    return Demand(budget, subject, amount or 0, reset, free=amount == 0)


def refusal(standing: Standing) -> BridgeError:
    """The refusal of a request: for good, or until one of those under way has ended."""
    if standing.exhausted:
        error = BridgeError(standing.refusal(), kind="quota", headers={HEADER: standing.header()})
        error.another_model = True
        return error
    headers = retry_after_header(WAIT) | {HEADER: standing.header()}
    return BridgeError(standing.waiting(), kind="rate_limited", headers=headers)
