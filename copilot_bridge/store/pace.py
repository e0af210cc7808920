"""Who may go now, and who has to wait: shared by all workers, and remembered over restarts.

A request passes a lane.  A lane lets one through after the other: in the order in which they came, never
closer together than `gap`, never more than `rate` allows, never more than `most` at a time.
"""

from dataclasses import dataclass

from copilot_bridge.store.database import Database, Transaction

# A ticket whose holder says nothing for so long is void: its process has died.  Seconds.
TICKET_LIFE = 30.0


@dataclass(frozen=True)
class Lane:
    """:param gap: least seconds between two.  :param rate: (how many, in how many seconds).
    :param most: at a time.  None, 0: no such limit.  :param ahead: of the queue.
    """

    name: str
    gap: float = 0.0
    rate: tuple[int, int] | None = None
    most: int = 0
    ahead: bool = False


@dataclass(frozen=True)
class Verdict:
    """`granted`: go.  `wait`: seconds before which it is no use to ask again.

    `crowded`: somebody else has to end first.  `full`: there is no room in the queue.
    `place`: in the queue; who has a smaller one goes first.
    """

    granted: bool
    wait: float = 0.0
    crowded: bool = False
    full: bool = False
    place: int = 0


class PaceTable:
    """Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, lane: Lane, ticket: str, *, queue: bool, room: int) -> Verdict:
        """May this one go?  With `queue` it has its place in the queue from now on, if there is room."""
        return self._database.run(lambda transaction: judge(transaction, lane, ticket, queue, room))

    def leave(self, *tickets: str) -> None:
        """Out of the queue, or done."""
        self._database.run(
            lambda transaction: [
                transaction.change("DELETE FROM tickets WHERE id = ?", each) for each in tickets
            ]
        )

    def give_back(self, lane: Lane, ticket: str) -> None:
        """It was let through, but has not gone: it does not count."""
        self._database.run(
            lambda transaction: transaction.change(
                "DELETE FROM passes WHERE lane = ? AND ticket = ?", lane.name, ticket
            )
        )

    def keep_alive(self, tickets: list[str]) -> None:
        def renew(transaction: Transaction) -> None:
            until = transaction.now() + TICKET_LIFE
            transaction.change_many(
                "UPDATE tickets SET alive = ? WHERE id = ?", [(until, each) for each in tickets]
            )

        self._database.run(renew)


def judge(transaction: Transaction, lane: Lane, ticket: str, queue: bool, room: int) -> Verdict:
    transaction.alone(lane.name)
    now = transaction.now()
    transaction.change("DELETE FROM tickets WHERE lane = ? AND alive < ?", lane.name, now)
    waiting = transaction.rows(
        "SELECT id, number FROM tickets WHERE lane = ? AND running = 0 ORDER BY number", lane.name
    )
    places = dict(waiting)
    first = lane.ahead or not waiting or waiting[0][0] == ticket
    wait = max(gap_left(transaction, lane, now), rate_left(transaction, lane, now))
    too_many = crowded(transaction, lane)
    if first and wait <= 0 and not too_many:
        go(transaction, lane, ticket, now)
        return Verdict(True)
    if queue and not lane.ahead and ticket not in places:
        if len(waiting) >= room:
            return Verdict(False, wait, too_many, full=True)
        places[ticket] = put_ticket(transaction, lane, ticket, 0, now)
    return Verdict(False, wait, too_many, place=places.get(ticket, 0))


def gap_left(transaction: Transaction, lane: Lane, now: float) -> float:
    """Seconds.  No more than the gap: a clock that was set back makes nobody wait for ever."""
    rows = transaction.rows("SELECT next FROM lanes WHERE name = ?", lane.name) if lane.gap else []
    return min(rows[0][0] - now, lane.gap) if rows else 0.0


def rate_left(transaction: Transaction, lane: Lane, now: float) -> float:
    if not lane.rate:
        return 0.0
    count, period = lane.rate
    transaction.change(
        "DELETE FROM passes WHERE lane = ? AND (at <= ? OR at > ?)", lane.name, now - period, now + 1
    )
    rows = transaction.rows(
        "SELECT at FROM passes WHERE lane = ? ORDER BY at DESC LIMIT 1 OFFSET ?", lane.name, count - 1
    )
    return float(rows[0][0] + period - now) if rows else 0.0


def crowded(transaction: Transaction, lane: Lane) -> bool:
    if not lane.most:
        return False
    ((running,),) = transaction.rows("SELECT count(*) FROM tickets WHERE lane = ? AND running = 1", lane.name)
    return bool(running >= lane.most)


def go(transaction: Transaction, lane: Lane, ticket: str, now: float) -> None:
    transaction.change("DELETE FROM tickets WHERE id = ?", ticket)
    if lane.most:
        put_ticket(transaction, lane, ticket, 1, now)
    if lane.gap:
        transaction.change(
            "INSERT INTO lanes (name, next) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET next = excluded.next",
            lane.name,
            now + lane.gap,
        )
    if lane.rate:
        transaction.change("INSERT INTO passes (lane, ticket, at) VALUES (?, ?, ?)", lane.name, ticket, now)


def put_ticket(transaction: Transaction, lane: Lane, ticket: str, running: int, now: float) -> int:
    ((number,),) = transaction.rows(
        "SELECT coalesce(max(number), 0) + 1 FROM tickets WHERE lane = ?", lane.name
    )
    transaction.change(
        "INSERT INTO tickets (id, lane, number, running, alive) VALUES (?, ?, ?, ?, ?)",
        ticket,
        lane.name,
        number,
        running,
        now + TICKET_LIFE,
    )
    return int(number)
