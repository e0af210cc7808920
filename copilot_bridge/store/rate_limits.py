"""Who may go now, and who has to wait: shared by all workers, and remembered over restarts.

A request passes a lane.  A lane lets one through after the other: in the order in which they came, never
closer together than `gap`, never more than `rate` allows, never more than `most` at a time.
"""

from dataclasses import dataclass

from copilot_bridge.store.database import Database, Row, Transaction

# A ticket whose holder says nothing for so long is void: its process has died.  Seconds.
TICKET_TTL = 30.0

SLACK = 1.0  # s that clocks which agree may differ by
LONGEST = TICKET_TTL + SLACK

# When the first one passed that is known, when the last one, and the one that decides about the next.
PASSES = (
    "SELECT (SELECT min(at) FROM passes WHERE lane = ?), (SELECT max(at) FROM passes WHERE lane = ?),"
    " (SELECT at FROM passes WHERE lane = ? ORDER BY at DESC LIMIT 1 OFFSET ?)"
)


@dataclass(frozen=True)
class Limit:
    """:param gap: least seconds between two.  :param rate: (how many, in how many seconds).
    :param most: at a time.  None, 0: no such limit.  :param ahead: of the queue.
    """

    name: str
    gap: float = 0.0
    rate: tuple[int, int] | None = None
    most: int = 0
    ahead: bool = False


@dataclass(frozen=True)
class Decision:
    """`granted`: go.  `wait`: seconds before which it is no use to ask again.

    `crowded`: somebody else has to end first.  `full`: there is no room in the queue.
    `place`: in the queue; who has a smaller one goes first.
    """

    granted: bool
    wait: float = 0.0
    crowded: bool = False
    full: bool = False
    place: int = 0


class RateLimitTable:
    """Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, lane: Limit, ticket: str, *, queue: bool, room: int) -> Decision:
        """May this one go?  With `queue` it has its place in the queue from now on, if there is room."""
        return self._database.run(lambda transaction: judge(transaction, lane, ticket, queue, room))

    def leave(self, *tickets: str) -> None:
        """Out of the queue, or done."""
        gone = [(each,) for each in tickets]
        self._database.run(
            lambda transaction: transaction.change_many("DELETE FROM tickets WHERE id = ?", gone)
        )

    def give_back(self, lane: Limit, ticket: str) -> None:
        """It was let through, but has not gone: it does not count."""
        self._database.run(
            lambda transaction: transaction.change(
                "DELETE FROM passes WHERE lane = ? AND ticket = ?", lane.name, ticket
            )
        )

    def keep_alive(self, tickets: list[str]) -> None:
        def renew(transaction: Transaction) -> None:
            until = transaction.now() + TICKET_TTL
            transaction.change_many(
                "UPDATE tickets SET alive = ? WHERE id = ?", [(until, each) for each in tickets]
            )

        self._database.run(renew)


def judge(transaction: Transaction, lane: Limit, ticket: str, queue: bool, room: int) -> Decision:
    now, (tickets, spacing, passed) = transaction.lock_and_query(
        lane.name,
        ("SELECT id, number, running, alive FROM tickets WHERE lane = ? ORDER BY number", (lane.name,)),
        ("SELECT next FROM lanes WHERE name = ?", (lane.name,)),
        (PASSES, (lane.name,) * 3 + ((lane.rate or (1, 0))[0] - 1,)),
    )
    living = only_living(transaction, tickets, now)
    places = {id_: number for id_, number, running, _ in living if not running}
    first = lane.ahead or not places or next(iter(places)) == ticket
    wait = max(gap_left(spacing, lane, now), rate_left(transaction, passed, lane, now))
    too_many = 0 < lane.most <= len(living) - len(places)
    if first and wait <= 0 and not too_many:
        go(transaction, lane, ticket, now, queued=ticket in places)
        return Decision(True)
    if queue and not lane.ahead and ticket not in places:
        if len(places) >= room:
            return Decision(False, wait, too_many, full=True)
        number = 1 + max((number for _, number, _, _ in living), default=0)
        places[ticket] = put_ticket(transaction, lane, ticket, number, now, running=False)
    return Decision(False, wait, too_many, place=places.get(ticket, 0))


def only_living(transaction: Transaction, tickets: list[Row], now: float) -> list[Row]:
    """The void ones are removed."""
    # One that is to live for longer than any does is from before the clock was set back.
    void = [row for row in tickets if not 0 <= row[3] - now <= LONGEST]
    if void:
        transaction.change_many("DELETE FROM tickets WHERE id = ?", [(row[0],) for row in void])
    return [row for row in tickets if row not in void] if void else tickets


def gap_left(spacing: list[Row], lane: Limit, now: float) -> float:
    """Seconds.  More than the gap is not believed: the clock was set back."""
    left = spacing[0][0] - now if spacing and lane.gap else 0.0
    return left if left <= lane.gap + SLACK else 0.0


def rate_left(transaction: Transaction, passed: list[Row], lane: Limit, now: float) -> float:
    if not lane.rate:
        return 0.0
    count, period = lane.rate
    ((first, last, decisive),) = passed
    if first is not None and (first < now - 2 * period or last > now + SLACK):
        # What lies ahead is from before the clock was set back.
        transaction.execute(
            "DELETE FROM passes WHERE lane = ? AND (at <= ? OR at > ?)", lane.name, now - period, now + SLACK
        )
        ((_, _, decisive),) = transaction.rows(PASSES, lane.name, lane.name, lane.name, count - 1)
    return 0.0 if decisive is None else float(decisive + period - now)


def go(transaction: Transaction, lane: Limit, ticket: str, now: float, *, queued: bool) -> None:
    if queued:
        transaction.execute("DELETE FROM tickets WHERE id = ?", ticket)
    if lane.most:
        put_ticket(transaction, lane, ticket, 0, now, running=True)
    if lane.gap:
        transaction.execute(
            "INSERT INTO lanes (name, next) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET next = excluded.next",
            lane.name,
            now + lane.gap,
        )
    if lane.rate:
        transaction.execute("INSERT INTO passes (lane, ticket, at) VALUES (?, ?, ?)", lane.name, ticket, now)


def put_ticket(
    transaction: Transaction, lane: Limit, ticket: str, number: int, now: float, *, running: bool
) -> int:
    """:param number: its place in the queue, for one that waits."""
    transaction.execute(
        "INSERT INTO tickets (id, lane, number, running, alive) VALUES (?, ?, ?, ?, ?)",
        ticket,
        lane.name,
        number,
        int(running),
        now + TICKET_TTL,
    )
    return number
