"""Settlements of budgets that the store could not take, kept in a file in case this process ends first.

Another process finds the file of an ended one, and counts the costs in it.
"""

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from copilot_bridge.billing.budgets import Budget, BudgetLimit
from copilot_bridge.shared_memory.crash_log import CrashLog, left_behind
from copilot_bridge.store.budgets import Demand, Held

log = logging.getLogger(__name__)


class Settlement(Struct, frozen=True):
    """The arguments of `BudgetTable.settle`."""

    ticket: str
    demands: tuple[Demand, ...]
    held: tuple[Held | None, ...]


class SettlementJournal:
    """The settlements of this process that wait for the store.

    :param folder: for the files of all processes; None: waiting settlements are lost when the process ends.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lines: CrashLog | None = None

    def put(self, settlement: Settlement) -> None:
        lines = self._opened()
        if lines is not None:
            lines.put(settlement.ticket, write(settlement))

    def forget(self, settlement: Settlement) -> None:
        """Drop a settlement that the store has taken."""
        if self._lines is not None:
            self._lines.put(settlement.ticket, orjson.dumps([settlement.ticket]))
            self._lines.forget([settlement.ticket])

    def left_behind(self) -> Iterator[Settlement]:
        """Yield the settlements of ended processes.  Each is yielded once, so the caller has to keep it."""
        if self._folder is None or not self._folder.is_dir():
            return
        for lines in left_behind(self._folder):
            last = {found[0]: found for line in lines if (found := read_line(line))}
            yield from (read(found) for found in last.values() if len(found) > 1)

    def _opened(self) -> CrashLog | None:
        if self._lines is None and self._folder is not None:
            try:
                self._lines = CrashLog(self._folder)
            except OSError as error:
                log.debug(
                    "the costs of requests can't be written to a file, so they are kept in memory only: %s",
                    error,
                )
        return self._lines


def write(settlement: Settlement) -> bytes:
    demands = [
        [
            *(demand.budget.scope, demand.budget.subject, demand.budget.created),
            *(demand.budget.limit.amount, demand.budget.limit.unit, demand.budget.limit.period),
            *(demand.subject, demand.amount, demand.reset),
        ]
        for demand in settlement.demands
    ]
    return orjson.dumps([settlement.ticket, demands, settlement.held])


def read_line(line: bytes) -> list[Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:  # it was cut off when the process was killed
        return []
    return found if isinstance(found, list) else []


def read(found: list[Any]) -> Settlement:
    ticket, demands, held = found
    return Settlement(
        ticket,
        tuple(
            Demand(Budget(scope, owner, BudgetLimit(size, unit, period), created), subject, amount, reset)
            for scope, owner, created, size, unit, period, subject, amount, reset in demands
        ),
        tuple(None if amount is None else (amount[0], amount[1]) for amount in held),
    )


def new_ticket() -> str:
    return uuid.uuid4().hex
