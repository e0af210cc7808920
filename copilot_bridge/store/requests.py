"""The request log: who asked which model, what it cost and how it ended; never what was said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.store.database import Database, Transaction
from copilot_bridge.store.hours import FINE, PUT_HOUR, TAKEN, hours_of

COLUMNS = (
    "id",
    "at",  # unix seconds, when it came
    "caller",
    "account",
    "dialect",
    "model",
    "upstream",  # the dialect that was spoken to Copilot
    "initiator",
    "status",
    "outcome",  # "ok", "client gone", the kind of an error, "cut": the process ended in the middle of it
    "ms",
    "first_byte_ms",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tokens_reasoning",
    "cost",  # AI units
    "quota",  # per cent left of the plan's requests
    "queue_ms",  # until it was its turn, and the operator had said yes
    "token_ms",  # until there was a Copilot token
    "error",  # what was said of it, shortened
    "address",  # of the client
    "path",
    "streamed",  # 1 or 0
    "premium",  # premium requests that it took of the plan, where the model's price is known
    "session",  # a short name of the conversation
    "discount",  # part of the price that the model "auto" was cheaper by
    "mended",  # what Copilot refused of it first, and was said otherwise or left out
)
FOR_HOURS = itemgetter(*map(COLUMNS.index, TAKEN))
WRITE_TIMEOUT = 5.0  # s; what could not be written is tried again
OLDEST_COLUMNS = 18  # of the first version
Row = tuple[Any, ...]
Mark = tuple[float, str]  # (at, id) of a row: where a page of the log ends

STEP = 1000  # rows that are deleted at a time
MOST_ASKED = 500  # moments in a statement
PAGE = 500  # rows that an export reads at a time
OVERLAP = 2.0  # s; machines that share a database may write a row this much later than they say

NOT_FINE = "error"  # in a filter: all others

# Outcomes that are asked for by one name: whose fault it was, and answers that broke off.
GROUPS: dict[str, tuple[str, ...]] = {
    "client": (
        "invalid_request",
        "unsupported",
        "prompt_too_long",
        "content_filter",
        "model_not_found",
        "not_found",
        "method_not_allowed",
        "too_large",
        "media_type",
        "permission",
    ),
    "limit": ("quota", "rate_limited"),
    "upstream": ("overloaded", "unavailable", "unreachable", "timeout", "authentication"),
    "broken": ("stream_cut", "cut"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; all of it together.  `since`, `until`: unix seconds, the latter excluded.

    :param status: "404", or "4xx" for the class.
    :param outcome: as in the log, or "error", or one of `GROUPS`.
    """

    since: float | None = None
    until: float | None = None
    caller: str | None = None
    account: str | None = None
    model: str | None = None
    status: str | None = None
    outcome: str | None = None
    session: str | None = None

    def terms(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        """(SQL, its values).  Raises InvalidRequest: no such status."""
        if self.since is not None:
            yield "at >= ?", (self.since,)
        if self.until is not None:
            yield "at < ?", (self.until,)
        for name in ("caller", "account", "model", "session"):
            if (wanted := getattr(self, name)) is not None:
                yield f"{name} = ?", (wanted,)
        if self.status is not None:
            yield "status >= ? AND status < ?", read_status(self.status)
        if self.outcome == NOT_FINE:
            yield "outcome NOT IN (?, ?)", FINE
        elif self.outcome in GROUPS:
            kinds = GROUPS[self.outcome]
            yield f"outcome IN ({', '.join('?' * len(kinds))})", kinds
        elif self.outcome is not None:
            yield "outcome = ?", (self.outcome,)


EVERYTHING = Filter()


def read_status(text: str) -> tuple[int, int]:
    """The first, and the first that is none of them: of "404" or "4xx".  Raises InvalidRequest."""
    if len(text) == 3 and text.isascii():
        if text.isdecimal():
            return int(text), int(text) + 1
        if text[0].isdecimal() and text[1:].lower() == "xx":
            return int(text[0]) * 100, int(text[0]) * 100 + 100
    raise InvalidRequest("status: expected one like 404, or a class like 4xx", param="status")


def mark_of(row: dict[str, Any]) -> str:
    """Of the last row of a page, for the next one."""
    return f"{row['at']!r}~{row['id']}"


def read_mark(text: str) -> Mark:
    """Raises InvalidRequest."""
    at, _, id_ = text.partition("~")
    try:
        return float(at), id_
    except ValueError as error:
        raise InvalidRequest("before: expected what ended the page before", param="before") from error


class RequestTable:
    """Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Writing.

    def write(self, rows: Sequence[Row]) -> None:
        """Those that are there already are left out."""
        given = {row[:2]: row for row in rows}

        def put(transaction: Transaction) -> None:
            transaction.alone("requests")  # or what is counted by the hour could be counted twice
            known = known_from(transaction, list({at for _, at in given}))
            new = [row for key, row in given.items() if key not in known]
            now = transaction.now()
            transaction.insert("requests", (*COLUMNS, "written"), [(*row, now) for row in new])
            transaction.change_many(PUT_HOUR, hours_of(map(FOR_HOURS, new)))

        self._database.run(put, WRITE_TIMEOUT)

    def prune(self, older_than: float, most: int) -> int:
        """A few of the rows that are too old or too many; how many it were."""

        def drop(transaction: Transaction) -> int:
            ((number,),) = transaction.rows("SELECT count(*) FROM requests")
            oldest = (
                "DELETE FROM requests WHERE (at, id) IN (SELECT at, id FROM requests{} ORDER BY at LIMIT ?)"
            )
            gone = transaction.change(oldest.format(" WHERE at < ?"), older_than, STEP)
            return (
                gone
                or (number > most and transaction.change(oldest.format(""), min(STEP, number - most)))
                or 0
            )

        return self._database.run(drop)

    def prune_hours(self, older_than: float) -> None:
        """Of what is counted by the hour, which outlives rows that were too many."""
        self._database.run(
            lambda transaction: transaction.change(
                "DELETE FROM request_hours WHERE hour < ?", int(older_than) // 3600 * 3600
            )
        )

    # Reading.

    def count(self) -> int:
        ((number,),) = self._database.read(
            lambda transaction: transaction.rows("SELECT count(*) FROM requests")
        )
        return int(number)

    def latest(self, most: int = 100) -> list[dict[str, Any]]:
        return self.page(most=most)

    def page(
        self,
        wanted: Filter = EVERYTHING,
        *,
        before: Mark | None = None,
        after: Mark | None = None,
        most: int = 50,
    ) -> list[dict[str, Any]]:
        """The newest first.

        :param before: from there on; see `mark_of`.  :param after: those that come next to it the other way.
        """
        if after:
            return self._newer(wanted, after, most)
        terms = [*wanted.terms(), *([("(at, id) < (?, ?)", before)] if before else [])]
        # The rows are found in the index alone; only those that are wanted are read.
        found = f"SELECT at, id FROM requests{where(terms)} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        return self._read(f"WHERE (at, id) IN ({found}) ORDER BY at DESC, id DESC", *values_of(terms), most)

    def _newer(self, wanted: Filter, after: Mark, most: int) -> list[dict[str, Any]]:
        terms = [*wanted.terms(), ("(at, id) > (?, ?)", after)]
        found = f"SELECT at, id FROM requests{where(terms)} ORDER BY at, id LIMIT ?"  # noqa: S608
        return self._read(f"WHERE (at, id) IN ({found}) ORDER BY at DESC, id DESC", *values_of(terms), most)

    def find(self, id_: str) -> dict[str, Any] | None:
        """Looks through the whole index: 10 ms for 100,000 rows."""
        return next(
            iter(self._read("WHERE (at, id) IN (SELECT at, id FROM requests WHERE id = ?)", id_)), None
        )

    def news(
        self, written: float | None, wanted: Filter = EVERYTHING, *, most: int = 200
    ) -> tuple[list[dict[str, Any]], float]:
        """Rows in the order in which they were written, which is that of their ends; and what to ask with
        next.  Some come again: their ids tell.

        :param written: what the call before gave; None: nothing yet, just from when on.
        """
        if written is None:
            return [], self._database.read(lambda transaction: transaction.now())
        terms = [("written > ?", (written - OVERLAP,)), *wanted.terms()]
        columns = f"written, {', '.join(COLUMNS)}"
        rows = self._database.read(
            lambda transaction: transaction.rows(
                f"SELECT {columns} FROM requests{where(terms)} ORDER BY written, at LIMIT ?",  # noqa: S608
                *values_of(terms),
                most,
            )
        )
        last = max([written, *(row[0] for row in rows)])
        return [dict(zip(COLUMNS, row[1:], strict=True)) for row in rows], last

    def each(self, wanted: Filter = EVERYTHING) -> Iterator[dict[str, Any]]:
        """All of them, the newest first, read in pieces."""
        before: Mark | None = None
        while rows := self.page(wanted, before=before, most=PAGE):
            yield from rows
            before = (rows[-1]["at"], rows[-1]["id"])

    def names(self) -> dict[str, list[str]]:
        """{"caller": [...], "account": [...], "model": [...]}: what there is to filter by."""

        def distinct(transaction: Transaction, column: str) -> list[str]:
            found = transaction.rows(f"SELECT DISTINCT {column} FROM request_hours")  # noqa: S608
            return sorted(name for (name,) in found if name)

        wanted = ("caller", "account", "model")
        return self._database.read(lambda transaction: {name: distinct(transaction, name) for name in wanted})

    def _read(self, rest: str, *values: object) -> list[dict[str, Any]]:
        rows = self._database.read(
            lambda transaction: transaction.rows(
                f"SELECT {', '.join(COLUMNS)} FROM requests {rest}",  # noqa: S608
                *values,
            )
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


Terms = Sequence[tuple[str, tuple[object, ...]]]


def where(terms: Terms) -> str:
    return f" WHERE {' AND '.join(sql for sql, _ in terms)}" if terms else ""


def values_of(terms: Terms) -> list[object]:
    return [value for _, values in terms for value in values]


def known_from(transaction: Transaction, moments: list[float]) -> set[Row]:
    """(id, at) of the rows from just then."""
    known: set[Row] = set()
    for start in range(0, len(moments), MOST_ASKED):
        some = moments[start : start + MOST_ASKED]
        marks = ", ".join("?" * len(some))
        known |= {*transaction.rows(f"SELECT id, at FROM requests WHERE at IN ({marks})", *some)}  # noqa: S608
    return known
