"""Budgets in the store: their limits, their counters, and the reservations of running requests.

Each request takes a lock before it is sent and another when it has ended, so the sums are exact however many
workers and machines there are.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from copilot_bridge.billing.budgets import (
    AI_UNITS,
    ALL,
    CONVERSATION,
    DOLLARS,
    EACH,
    KEY,
    LOGIN,
    PREMIUM,
    REQUESTS,
    Budget,
    BudgetLimit,
    Standing,
)
from copilot_bridge.billing.charge import CENTS_OF_AI_UNIT, CENTS_OF_PREMIUM_REQUEST
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.periods import BILLING, Period, period_at
from copilot_bridge.store.database import Database, Row, Transaction

# Seconds.  After that a request's process has died, and its estimate counts as spent.
RESERVATION_TTL = 3600.0
KEPT_PERIODS = 100 * 86_400  # seconds for which the counters of past periods are kept

COUNTER = ("scope", "subject", "unit", "period", "start")
OF_COUNTER = " AND ".join(f"{name} = ?" for name in COUNTER)
ADD_SPENT = f"UPDATE budget_counters SET spent = spent + ? WHERE {OF_COUNTER}"  # noqa: S608
SELECT_HELD = f"SELECT {', '.join(COUNTER)} FROM budget_reservations WHERE ticket = ?"  # noqa: S608

Held = tuple[int, int]
"""(start of the period, amount): what a request has reserved."""

Counter = tuple[str, str, str, str, int]
"""The values of COUNTER."""

OF_BUDGET = "scope = ? AND subject = ? AND unit = ? AND period = ?"
# The counters of subjects that have no budget of their own.
DELETE_OTHERS = (
    "DELETE FROM budget_counters WHERE scope = ? AND unit = ? AND period = ? AND subject NOT IN"
    " (SELECT subject FROM budgets WHERE scope = ? AND unit = ? AND period = ?)"
)

# The columns of the log that hold the subject of a scope.
SUBJECT_COLUMNS = {KEY: "caller", LOGIN: "account", CONVERSATION: "session"}
ROLLED_UP = (ALL, KEY, LOGIN)  # scopes whose sums are in the hours

AIU_OF_ROW = "coalesce(nano_aiu, CAST(round(cost * 1000000000) AS BIGINT), 0)"
PREMIUM_OF_ROW = f"CAST(round(coalesce(premium, 0) * {NANO}) AS BIGINT)"
# The SQL of the amount of each unit in a row of the hourly sums, and in a row of the log.
USED_OF_HOUR = {
    AI_UNITS: AIU_OF_ROW,
    PREMIUM: PREMIUM_OF_ROW,
    REQUESTS: f"(requests - errors) * {NANO}",
    DOLLARS: f"CASE WHEN premium IS NULL THEN {AIU_OF_ROW} * {CENTS_OF_AI_UNIT}"
    f" ELSE {PREMIUM_OF_ROW} * {CENTS_OF_PREMIUM_REQUEST} END",
}
USED_OF_REQUEST = USED_OF_HOUR | {
    REQUESTS: f"CASE WHEN outcome IN ('ok', 'client_disconnected') THEN {NANO} ELSE 0 END"
}


class Demand(Struct, frozen=True):
    """The demand of one request on a budget.

    :param subject: of the counter.  :param amount: an estimate at first, then what it has cost.
    :param reset: a reset of the plan's allowance, unix seconds.
    :param free: it is known to cost nothing, so the budget does not refuse it.
    """

    budget: Budget
    subject: str
    amount: int
    reset: float | None = None
    free: bool = False

    def period(self, now: float) -> Period:
        return period_at(self.budget.limit.period, now, self.reset)

    def counter(self, start: int) -> Counter:
        return self.budget.scope, self.subject, self.budget.limit.unit, self.budget.limit.period, start


class Grant(Struct, frozen=True):
    """The decision on a request's demands.

    :param standings: of its budgets.  :param refused: the one that refuses it; None: it may be sent.
    :param starts: the beginning of each demand's period, by which it is settled.
    """

    standings: tuple[Standing, ...]
    refused: Standing | None
    starts: tuple[int, ...]


class BudgetTable:
    """The operator's budgets and their counters.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Budget, ...]:
        rows = self._database.read(
            lambda transaction: transaction.rows(
                "SELECT scope, subject, unit, period, amount, created FROM budgets"
                " ORDER BY scope, subject, unit, period"
            )
        )
        return tuple(
            Budget(scope, subject, BudgetLimit(amount, unit, period), created)
            for scope, subject, unit, period, amount, created in rows
        )

    def put(self, budget: Budget) -> None:
        """Add a budget, or change the amount of one for the same subject, unit and period."""
        limit = budget.limit

        def write(transaction: Transaction) -> None:
            transaction.change(
                "INSERT INTO budgets (scope, subject, unit, period, amount, created)"
                " VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (scope, subject, unit, period) DO UPDATE SET amount = excluded.amount",
                *(budget.scope, budget.subject, limit.unit, limit.period, limit.amount, transaction.now()),
            )
            transaction.change(
                "UPDATE budget_counters SET warned = 0 WHERE scope = ? AND unit = ? AND period = ?",
                *(budget.scope, limit.unit, limit.period),
            )

        self._database.run(write)

    def remove(self, budgets: Sequence[Budget]) -> None:
        """Remove budgets with their counts."""

        def drop(transaction: Transaction) -> None:
            for budget in budgets:
                key = (budget.scope, budget.subject, budget.limit.unit, budget.limit.period)
                transaction.change(f"DELETE FROM budgets WHERE {OF_BUDGET}", *key)  # noqa: S608
                if budget.subject == EACH:
                    transaction.change(DELETE_OTHERS, *key[:1], *key[2:], *key[:1], *key[2:])
                else:
                    transaction.change(f"DELETE FROM budget_counters WHERE {OF_BUDGET}", *key)  # noqa: S608

        self._database.run(drop)

    def standings(self, demands: Sequence[Demand]) -> list[Standing]:
        """How far budgets are used up now."""

        def read(transaction: Transaction) -> list[Standing]:
            now = transaction.now()
            return [standing_of(transaction, demand, current(transaction, demand, now)) for demand in demands]

        return self._database.read(read)

    def all_standings(self) -> list[Standing]:
        """Return the use of all budgets.  A budget of each subject is listed for those that have used it."""
        budgets = self.all()
        return self.standings([demand for budget in budgets for demand in self._listed(budget, budgets)])

    def _listed(self, budget: Budget, budgets: tuple[Budget, ...]) -> Iterator[Demand]:
        yield Demand(budget, budget.subject, 0)
        if budget.subject == EACH:
            own = {one.subject for one in budgets if one.kind == budget.kind}
            yield from (Demand(budget, name, 0) for name in self.subjects(budget) if name not in own)

    def subjects(self, budget: Budget) -> list[str]:
        """The subjects that have a counter for a budget that each of them has."""
        limit = budget.limit
        rows = self._database.read(
            lambda transaction: transaction.rows(
                "SELECT DISTINCT subject FROM budget_counters WHERE scope = ? AND unit = ? AND period = ?"
                " ORDER BY subject",
                *(budget.scope, limit.unit, limit.period),
            )
        )
        return [subject for (subject,) in rows]

    def reserve(self, ticket: str, demands: Sequence[Demand]) -> Grant:
        """Reserve the estimated cost of a request, or return the budget that refuses it."""
        return self._database.run(lambda transaction: reserve(transaction, ticket, demands))

    def settle(self, ticket: str, demands: Sequence[Demand], held: Sequence[Held | None]) -> list[Standing]:
        """Count what a request has used instead of what it has reserved.

        :param demands: with the real cost.  :param held: the reservation for each; None: there was none.
        :return: the budgets that have reached a threshold; each threshold is returned to one process only.
        """
        return self._database.run(lambda transaction: settle(transaction, ticket, demands, held))


def current(transaction: Transaction, demand: Demand, now: float) -> Period:
    """Return the present period.  A billing period that has counted requests stays as it was then."""
    limit = demand.budget.limit
    if limit.period == BILLING and demand.reset is None:
        ((start,),) = transaction.rows(
            f"SELECT max(start) FROM budget_counters WHERE {OF_BUDGET} AND start <= ?",  # noqa: S608
            *(demand.budget.scope, demand.subject, limit.unit, limit.period, now),
        )
        return period_at(limit.period, now, start)
    return demand.period(now)


def reserve(transaction: Transaction, ticket: str, demands: Sequence[Demand]) -> Grant:
    transaction.advisory_lock("budgets")
    now = transaction.now()
    charge_expired(transaction, now)
    periods = [demand.period(now) for demand in demands]
    for demand, period in zip(demands, periods, strict=True):
        ensure_counter(transaction, demand, period)
    standings = tuple(
        standing_of(transaction, demand, period) for demand, period in zip(demands, periods, strict=True)
    )
    concerned = [found for found, demand in zip(standings, demands, strict=True) if not demand.free]
    refused = next(
        (found for found in concerned if found.exhausted),
        next((found for found in concerned if found.at_capacity), None),
    )
    starts = tuple(period.start for period in periods)
    if refused is None:
        expires = now + RESERVATION_TTL
        transaction.insert(
            "budget_reservations",
            ("ticket", *COUNTER, "amount", "expires"),
            [
                (ticket, *demand.counter(start), demand.amount, expires)
                for demand, start in zip(demands, starts, strict=True)
            ],
        )
    return Grant(standings, refused, starts)


def settle(
    transaction: Transaction, ticket: str, demands: Sequence[Demand], held: Sequence[Held | None]
) -> list[Standing]:
    transaction.advisory_lock("budgets")
    now = transaction.now()
    live = {*transaction.rows(SELECT_HELD, ticket)}
    transaction.change("DELETE FROM budget_reservations WHERE ticket = ?", ticket)
    found = (
        settle_one(transaction, demand, reserved, live, now)
        for demand, reserved in zip(demands, held, strict=True)
    )
    return [standing for standing in found if standing]


def settle_one(
    transaction: Transaction, demand: Demand, held: Held | None, live: set[Row], now: float
) -> Standing | None:
    """Count what was used of one budget.  Returns its standing if that has reached a threshold."""
    period, amount = demand.period(now), demand.amount
    if held is None:
        ensure_counter(transaction, demand, period)
    else:
        start, estimate = held
        if start != period.start:  # the request began in an earlier period
            period = Period(start, period.start)
        if demand.counter(start) not in live:  # the reservation has expired, and is counted already
            amount -= estimate
    transaction.change(ADD_SPENT, amount, *demand.counter(period.start))
    return note_threshold(transaction, demand, period)


def note_threshold(transaction: Transaction, demand: Demand, period: Period) -> Standing | None:
    """The standing, if it has reached a threshold for the first time."""
    standing = standing_of(transaction, demand, period)
    if not standing.threshold:
        return None
    changed = transaction.change(
        f"UPDATE budget_counters SET warned = ? WHERE {OF_COUNTER} AND warned < ?",  # noqa: S608
        standing.threshold,
        *demand.counter(period.start),
        standing.threshold,
    )
    return standing if changed else None


def standing_of(transaction: Transaction, demand: Demand, period: Period) -> Standing:
    counter = demand.counter(period.start)
    spent = transaction.rows(f"SELECT spent FROM budget_counters WHERE {OF_COUNTER}", *counter)  # noqa: S608
    ((reserved,),) = transaction.rows(
        f"SELECT coalesce(sum(amount), 0) FROM budget_reservations WHERE {OF_COUNTER}",  # noqa: S608
        *counter,
    )
    used = spent[0][0] if spent else spent_before(transaction, demand, period)
    return Standing(demand.budget, demand.subject, period, int(used), int(reserved))


def charge_expired(transaction: Transaction, now: float) -> None:
    """Count the estimates of requests whose process has died: Copilot has billed them, most likely."""
    names = ", ".join(COUNTER)
    expired = transaction.rows(f"SELECT amount, {names} FROM budget_reservations WHERE expires < ?", now)  # noqa: S608
    if expired:
        transaction.change_many(
            ADD_SPENT,
            expired,
        )
        transaction.change("DELETE FROM budget_reservations WHERE expires < ?", now)


def ensure_counter(transaction: Transaction, demand: Demand, period: Period) -> None:
    """Begin a period with its sums in the log, if the budget is younger than the period."""
    counter = demand.counter(period.start)
    if transaction.rows(f"SELECT 1 FROM budget_counters WHERE {OF_COUNTER}", *counter):  # noqa: S608
        return
    transaction.change(
        f"INSERT INTO budget_counters ({', '.join(COUNTER)}, spent, warned) VALUES (?, ?, ?, ?, ?, ?, 0)",  # noqa: S608
        *counter,
        spent_before(transaction, demand, period),
    )
    transaction.change("DELETE FROM budget_counters WHERE start < ?", period.start - KEPT_PERIODS)


def spent_before(transaction: Transaction, demand: Demand, period: Period) -> int:
    """Sum up in the request log what was used in this period before the budget was set."""
    if demand.budget.created <= period.start:
        return 0
    rolled_up = demand.budget.scope in ROLLED_UP
    table, since = ("request_hours", "hour") if rolled_up else ("requests", "at")
    used = (USED_OF_HOUR if rolled_up else USED_OF_REQUEST)[demand.budget.limit.unit]
    column = SUBJECT_COLUMNS.get(demand.budget.scope)
    rows: list[Row] = transaction.rows(
        f"SELECT coalesce(sum({used}), 0) FROM {table} WHERE {since} >= ?"  # noqa: S608
        + (f" AND {column} = ?" if column else ""),
        period.start,
        *([demand.subject] if column else []),
    )
    return int(rows[0][0])
