"""Sums over the request log, for a glance."""

from dataclasses import dataclass

from copilot_bridge.store.database import Database, Transaction

# The client's own doing, or none of anybody's.
NO_ERRORS = ("ok", "client gone")


@dataclass(frozen=True)
class Figures:
    """:param errors: requests that ended with one.  :param last_at: unix seconds; None: no request.
    :param tokens: in and out.  :param cost: AI units.
    """

    requests: int
    errors: int
    tokens: int
    cost: float
    last_at: float | None


class FigureTable:
    """Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: float) -> Figures:
        """:param moment: unix seconds."""

        def add_up(transaction: Transaction) -> Figures:
            ((requests, errors, tokens, cost, last_at),) = transaction.rows(
                "SELECT count(*), sum(CASE WHEN outcome IN (?, ?) THEN 0 ELSE 1 END),"
                " sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)), sum(cost), max(at)"
                " FROM requests WHERE at >= ?",
                *NO_ERRORS,
                moment,
            )
            return Figures(requests, int(errors or 0), int(tokens or 0), float(cost or 0.0), last_at)

        return self._database.run(add_up)
