"""Decides which requests a limit admits.  All workers share the limits, which outlive restarts.

A limit admits requests in the order of their arrival: never closer together than `min_interval`, never more
than `rate` allows, never more than `max_concurrent` at a time.
"""

from msgspec import Struct

from copilot_bridge.store.database import Database, Row, Transaction

# Seconds.  A ticket that is not renewed for so long is void: its process has died.
TICKET_TTL = 30.0

SLACK = 1.0  # seconds by which synchronized clocks may differ
MAX_TICKET_TTL = TICKET_TTL + SLACK

# The times of the first and last known admissions, and of the one that determines the next.
ADMISSION_TIMES = (
    "SELECT (SELECT min(at) FROM admissions WHERE limit_name = ?),"
    " (SELECT max(at) FROM admissions WHERE limit_name = ?),"
    " (SELECT at FROM admissions WHERE limit_name = ? ORDER BY at DESC LIMIT 1 OFFSET ?)"
)


class AdmissionLimit(Struct, frozen=True):
    """The limits of a caller or an account; None or 0: no such limit.

    :param min_interval: seconds between two requests.  :param rate: (how many, in how many seconds).
    :param max_concurrent: requests at a time.  :param skips_queue: for a retry.
    """

    name: str
    min_interval: float = 0.0
    rate: tuple[int, int] | None = None
    max_concurrent: int = 0
    skips_queue: bool = False


class Decision(Struct, frozen=True):
    """A limit's decision on one request.

    :param granted: the request is admitted.  :param wait: seconds before another try is useless.
    :param at_capacity: another request has to end first.  :param queue_full: the queue has no room.
    :param position: in the queue; the smallest is next.
    """

    granted: bool
    wait: float = 0.0
    at_capacity: bool = False
    queue_full: bool = False
    position: int = 0


class RateLimitTable:
    """The limits and their queues in the store.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, limit: AdmissionLimit, ticket: str, *, queue: bool, max_queued: int) -> Decision:
        """Admit a request, or with `queue` give it a position in the queue, if there is room."""
        return self._database.run(lambda transaction: decide(transaction, limit, ticket, queue, max_queued))

    def release(self, *tickets: str) -> None:
        """Take tickets out of the queue, or end them."""
        gone = [(ticket,) for ticket in tickets]
        self._database.run(
            lambda transaction: transaction.change_many("DELETE FROM tickets WHERE id = ?", gone)
        )

    def refund(self, limit: AdmissionLimit, ticket: str) -> None:
        """Uncount a request that was admitted but not sent."""
        self._database.run(
            lambda transaction: transaction.change(
                "DELETE FROM admissions WHERE limit_name = ? AND ticket = ?", limit.name, ticket
            )
        )

    def keep_alive(self, tickets: list[str]) -> None:
        """Renew tickets, whose processes are alive."""

        def renew(transaction: Transaction) -> None:
            until = transaction.now() + TICKET_TTL
            transaction.change_many(
                "UPDATE tickets SET expires = ? WHERE id = ?", [(until, ticket) for ticket in tickets]
            )

        self._database.run(renew)


def decide(
    transaction: Transaction, limit: AdmissionLimit, ticket: str, queue: bool, max_queued: int
) -> Decision:
    now, (tickets, spacing, passed) = transaction.lock_and_query(
        limit.name,
        (
            "SELECT id, number, running, expires FROM tickets WHERE limit_name = ? ORDER BY number",
            (limit.name,),
        ),
        ("SELECT at FROM next_admissions WHERE limit_name = ?", (limit.name,)),
        (ADMISSION_TIMES, (limit.name,) * 3 + ((limit.rate or (1, 0))[0] - 1,)),
    )
    live = live_tickets(transaction, tickets, now)
    positions = {ticket_id: number for ticket_id, number, running, _ in live if not running}
    first = limit.skips_queue or not positions or next(iter(positions)) == ticket
    wait = max(interval_left(spacing, limit, now), rate_left(transaction, passed, limit, now))
    at_capacity = 0 < limit.max_concurrent <= len(live) - len(positions)
    if first and wait <= 0 and not at_capacity:
        admit(transaction, limit, ticket, now, queued=ticket in positions)
        return Decision(True)
    if queue and not limit.skips_queue and ticket not in positions:
        if len(positions) >= max_queued:
            return Decision(False, wait, at_capacity, queue_full=True)
        number = 1 + max((number for _, number, _, _ in live), default=0)
        positions[ticket] = put_ticket(transaction, limit, ticket, number, now, running=False)
    return Decision(False, wait, at_capacity, position=positions.get(ticket, 0))


def live_tickets(transaction: Transaction, tickets: list[Row], now: float) -> list[Row]:
    """The tickets that are not void.  The others are removed."""
    # A ticket that would live longer than any can is from before the clock was set back.
    void = [row for row in tickets if not 0 <= row[3] - now <= MAX_TICKET_TTL]
    if void:
        transaction.change_many("DELETE FROM tickets WHERE id = ?", [(row[0],) for row in void])
    return [row for row in tickets if row not in void] if void else tickets


def interval_left(spacing: list[Row], limit: AdmissionLimit, now: float) -> float:
    """Return the seconds until the next admission.

    At most the interval, as the clock may have been set back.
    """
    left = spacing[0][0] - now if spacing and limit.min_interval else 0.0
    return left if left <= limit.min_interval + SLACK else 0.0


def rate_left(transaction: Transaction, passed: list[Row], limit: AdmissionLimit, now: float) -> float:
    if not limit.rate:
        return 0.0
    count, period = limit.rate
    ((first, last, decisive),) = passed
    if first is not None and (first < now - 2 * period or last > now + SLACK):
        # Admissions in the future are from before the clock was set back.
        transaction.execute(
            "DELETE FROM admissions WHERE limit_name = ? AND (at <= ? OR at > ?)",
            limit.name,
            now - period,
            now + SLACK,
        )
        ((_, _, decisive),) = transaction.rows(ADMISSION_TIMES, limit.name, limit.name, limit.name, count - 1)
    return 0.0 if decisive is None else float(decisive + period - now)


def admit(transaction: Transaction, limit: AdmissionLimit, ticket: str, now: float, *, queued: bool) -> None:
    if queued:
        transaction.execute("DELETE FROM tickets WHERE id = ?", ticket)
    if limit.max_concurrent:
        put_ticket(transaction, limit, ticket, 0, now, running=True)
    if limit.min_interval:
        transaction.execute(
            "INSERT INTO next_admissions (limit_name, at) VALUES (?, ?)"
            " ON CONFLICT (limit_name) DO UPDATE SET at = excluded.at",
            limit.name,
            now + limit.min_interval,
        )
    if limit.rate:
        transaction.execute(
            "INSERT INTO admissions (limit_name, ticket, at) VALUES (?, ?, ?)", limit.name, ticket, now
        )


def put_ticket(
    transaction: Transaction, limit: AdmissionLimit, ticket: str, number: int, now: float, *, running: bool
) -> int:
    """Add a ticket.  :param number: the position in the queue of a request that waits."""
    transaction.execute(
        "INSERT INTO tickets (id, limit_name, number, running, expires) VALUES (?, ?, ?, ?, ?)",
        ticket,
        limit.name,
        number,
        int(running),
        now + TICKET_TTL,
    )
    return number
