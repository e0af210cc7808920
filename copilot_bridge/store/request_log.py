"""The request log in the store: callers, models, costs and outcomes, but no prompts and no responses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cachetools import TTLCache

from copilot_bridge.billing.hourly_rollups import SUCCESSES, hourly_rollups
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.log_filter import ALL_REQUESTS, Cursor, LogFilter, values_of, where
from copilot_bridge.store.logged_request import COLUMNS, RequestLogRow, nano_cents_of, values_in_order
from copilot_bridge.store.prompt_cache import PromptUse, judge_prompts, prune_prompts
from copilot_bridge.store.rollups import (
    CENTS_OF_REQUEST,
    FOLLOWING,
    UPSERT_HOUR,
    behind,
    catch_up,
    next_written,
)

WRITE_TIMEOUT = 5.0  # seconds; after it the rows are written again later

DELETE_BATCH = 1000  # rows that are deleted in one transaction
MAX_VALUES = 500  # in a statement
EXPORT_BATCH = 500  # rows that an export reads at a time
CLOCK_TOLERANCE = (
    2.0  # seconds; the transaction that writes a row may commit so long after the row's `written`
)

NO_PROMPTS: Mapping[str, PromptUse] = {}


@dataclass(frozen=True, slots=True)
class LogSums:
    """The sums of some rows.  :param nano_cents: the list price in 1e-9 US cents."""

    requests: int
    errors: int
    tokens_in: int
    tokens_out: int
    nano_cents: int

    @classmethod
    def of(cls, rows: Sequence[RequestLogRow]) -> "LogSums":
        return cls(
            len(rows),
            sum(row.outcome not in SUCCESSES for row in rows),
            sum(row.tokens_in or 0 for row in rows),
            sum(row.tokens_out or 0 for row in rows),
            sum(nano_cents_of(row) for row in rows),
        )


@dataclass(frozen=True, slots=True)
class LoggedConversation:
    """The rows of one conversation.  :param first, last: unix seconds of their arrivals."""

    session: str
    first: float
    last: float
    model: str | None
    caller: str | None
    client: str | None
    sums: LogSums

    @classmethod
    def read(cls, row: Row) -> "LoggedConversation":
        session, first, last, model, caller, client, *sums = row
        return cls(session, first, last, model, caller, client, LogSums(*map(int, sums)))


# count(*), errors, tokens and list price of rows; CENTS stands for the price of one.
SUMS = (
    "count(*), coalesce(sum(CASE WHEN outcome IN ('ok', 'client_disconnected') THEN 0 ELSE 1 END), 0),"
    " coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum({cents}), 0)"
)
RECENT_ROWS = 3000  # in which the names of programs, and the latest conversations, are looked for
NAMES_TTL = 20.0  # seconds


class RequestLog:
    """The rows of the log, and their hourly sums.  Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: TTLCache[str, dict[str, list[str]]] = TTLCache(1, NAMES_TTL)

    # Writing.

    def write(self, rows: Sequence[RequestLogRow], prompts: Mapping[str, PromptUse] = NO_PROMPTS) -> None:
        """Write rows and add them to the hourly sums; rows that are there already are left out.

        :param prompts: the prompts of some of the rows, by the rows' ids; these get a verdict.
        """
        given = {(row.id, row.at): row for row in rows}

        def put(transaction: Transaction) -> None:
            transaction.advisory_lock("requests")  # or two writers of the same row could both count it
            known = known_from(transaction, list({at for _, at in given}))
            new = [row for key, row in given.items() if key not in known]
            if prompts:
                note_verdicts(transaction, new, prompts)
            written = next_written(transaction)
            transaction.insert(
                "requests", (*COLUMNS, "written"), [(*values_in_order(row), written) for row in new]
            )
            transaction.change_many(UPSERT_HOUR, hourly_rollups(new))

        self._database.run(put, WRITE_TIMEOUT)

    def roll_up(self) -> bool:
        """Add some of the rows that were written since the last time to the sums.

        :returns: whether there are more.
        """
        return self._database.read(behind) and self._database.run(catch_up, WRITE_TIMEOUT)

    def prune(self, older_than: float, max_rows: int) -> int:
        """Delete some of the rows that are too old or too many.  Returns their number; 0: none is left."""

        def drop(transaction: Transaction) -> int:
            ((number,),) = transaction.rows("SELECT count(*) FROM requests")
            oldest = (
                "DELETE FROM requests WHERE (at, id) IN (SELECT at, id FROM requests{} ORDER BY at LIMIT ?)"
            )
            gone = transaction.change(oldest.format(" WHERE at < ?"), older_than, DELETE_BATCH)
            return (
                gone
                or (
                    number > max_rows
                    and transaction.change(oldest.format(""), min(DELETE_BATCH, number - max_rows))
                )
                or 0
            )

        return self._database.run(drop)

    def prune_hours(self, older_than: float) -> None:
        """Delete old hourly sums, which are kept when rows are deleted because they are too many."""

        def drop(transaction: Transaction) -> None:
            hour = int(older_than) // 3600 * 3600
            for table in ("request_hours", *(rollup.table for rollup in FOLLOWING)):
                transaction.change(f"DELETE FROM {table} WHERE hour < ?", hour)  # noqa: S608
            prune_prompts(transaction, transaction.now())

        self._database.run(drop)

    # Reading.

    def count(self) -> int:
        ((number,),) = self._database.read(
            lambda transaction: transaction.rows("SELECT count(*) FROM requests")
        )
        return int(number)

    def latest(self, limit: int = 100) -> list[RequestLogRow]:
        return self.page(limit=limit)

    def page(
        self,
        wanted: LogFilter = ALL_REQUESTS,
        *,
        before: Cursor | None = None,
        after: Cursor | None = None,
        limit: int = 50,
    ) -> list[RequestLogRow]:
        """Return a page of rows, the newest first.

        :param before: the rows after this cursor.  :param after: the rows before it, nearest first.
        """
        if after:
            return self._newer(wanted, after, limit)
        terms = [*wanted.terms(), *([("(at, id) < (?, ?)", before)] if before else [])]
        # The rows are found in the index alone; only those that are wanted are read.
        found = f"SELECT at, id FROM requests{where(terms)} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        return self._read(f"WHERE (at, id) IN ({found}) ORDER BY at DESC, id DESC", *values_of(terms), limit)

    def _newer(self, wanted: LogFilter, after: Cursor, limit: int) -> list[RequestLogRow]:
        terms = [*wanted.terms(), ("(at, id) > (?, ?)", after)]
        found = f"SELECT at, id FROM requests{where(terms)} ORDER BY at, id LIMIT ?"  # noqa: S608
        return self._read(f"WHERE (at, id) IN ({found}) ORDER BY at DESC, id DESC", *values_of(terms), limit)

    def find(self, id_: str) -> RequestLogRow | None:
        """The row of a request.  Searches the whole index: 10 ms for 100,000 rows."""
        return next(
            iter(self._read("WHERE (at, id) IN (SELECT at, id FROM requests WHERE id = ?)", id_)), None
        )

    def parts_of(self, row: RequestLogRow) -> list[RequestLogRow]:
        """Return the rows of the requests that the bridge itself sent for a request.

        They come oldest first; most are web searches.
        """
        end = row.at + (row.ms or 0) / 1000 + CLOCK_TOLERANCE
        return self._read("WHERE at >= ? AND at <= ? AND parent = ? ORDER BY at", row.at, end, row.id)

    def written_since(
        self, written: float | None, wanted: LogFilter = ALL_REQUESTS, *, limit: int = 200
    ) -> tuple[list[RequestLogRow], float]:
        """Return rows in the order in which their requests ended, and the `written` of the next call.

        Some rows are returned again by the next call; callers recognize them by their ids.

        :param written: as returned by the previous call; None: the first call, which returns no rows.
        """
        if written is None:
            return [], self._database.read(lambda transaction: transaction.now())
        terms = [("written > ?", (written - CLOCK_TOLERANCE,)), *wanted.terms()]
        columns = f"written, {', '.join(COLUMNS)}"
        rows = self._database.read(
            lambda transaction: transaction.rows(
                f"SELECT {columns} FROM requests{where(terms)} ORDER BY written, at LIMIT ?",  # noqa: S608
                *values_of(terms),
                limit,
            )
        )
        last = max([written, *(row[0] for row in rows)])
        return [RequestLogRow(*row[1:]) for row in rows], last

    def iterate(self, wanted: LogFilter = ALL_REQUESTS) -> Iterator[RequestLogRow]:
        """All rows, the newest first, read in batches."""
        before: Cursor | None = None
        while rows := self.page(wanted, before=before, limit=EXPORT_BATCH):
            yield from rows
            before = (rows[-1].at, rows[-1].id)

    def names(self) -> dict[str, list[str]]:
        """The values to filter by, as {"caller": [...], "account": [...], "model": [...], "client": [...]}.

        They are some seconds old at most; of programs, those of the last requests only.
        """

        def read(transaction: Transaction) -> dict[str, list[str]]:
            wanted = ("caller", "account", "model")
            rows = transaction.rows(f"SELECT DISTINCT {', '.join(wanted)} FROM request_hours")  # noqa: S608
            columns = dict(zip(wanted, zip(*rows, strict=True), strict=True)) if rows else {}
            recent = "SELECT client FROM requests ORDER BY at DESC, id DESC LIMIT ?"
            columns["client"] = tuple(name for (name,) in transaction.rows(recent, RECENT_ROWS))
            return {name: sorted({*columns.get(name, ())} - {None, ""}) for name in (*wanted, "client")}

        known = self._names.get("")
        if known is None:
            known = self._names[""] = self._database.read(read)
        return known

    def sums(self, wanted: LogFilter = ALL_REQUESTS) -> LogSums:
        """The sums of all rows that meet the conditions."""
        terms = [*wanted.terms()]
        sql = f"SELECT {SUMS.format(cents=CENTS_OF_REQUEST)} FROM requests{where(terms)}"  # noqa: S608
        (row,) = self._database.read(lambda transaction: transaction.rows(sql, *values_of(terms)))
        return LogSums(*map(int, row))

    def conversations(self, wanted: LogFilter, limit: int = 50) -> list[LoggedConversation]:
        """The conversations of the rows that meet the conditions, the latest first."""
        terms = [*wanted.terms(), ("session IS NOT NULL", ())]

        def read(transaction: Transaction) -> list[Row]:
            # Most often the last rows are enough to tell which conversations are the latest.
            last = f"SELECT session, at FROM requests{where(terms)} ORDER BY at DESC LIMIT ?"  # noqa: S608
            latest = f"SELECT session FROM ({last}) AS last GROUP BY session ORDER BY max(at) DESC LIMIT ?"  # noqa: S608
            names = [name for (name,) in transaction.rows(latest, *values_of(terms), RECENT_ROWS, limit)]
            if len(names) == limit:
                terms.append((f"session IN ({', '.join('?' * limit)})", tuple(names)))
            sql = (
                "SELECT session, min(at), max(at), max(model), max(caller), max(client),"  # noqa: S608
                f" {SUMS.format(cents=CENTS_OF_REQUEST)} FROM requests{where(terms)}"
                " GROUP BY session ORDER BY max(at) DESC LIMIT ?"
            )
            return transaction.rows(sql, *values_of(terms), limit)

        return [LoggedConversation.read(row) for row in self._database.read(read)]

    def neighbours(self, row: RequestLogRow) -> tuple[str | None, str | None]:
        """The ids of the requests before and after this one in its conversation."""
        if row.session is None:
            return None, None

        def read(transaction: Transaction) -> tuple[str | None, str | None]:
            found = []
            for sign, order in (("<", "DESC"), (">", "ASC")):
                rows = transaction.rows(
                    f"SELECT id FROM requests WHERE session = ? AND (at, id) {sign} (?, ?)"  # noqa: S608
                    f" ORDER BY at {order}, id {order} LIMIT 1",
                    row.session,
                    row.at,
                    row.id,
                )
                found.append(rows[0][0] if rows else None)
            return found[0], found[1]

        return self._database.read(read)

    def _read(self, rest: str, *values: object) -> list[RequestLogRow]:
        rows = self._database.read(
            lambda transaction: transaction.rows(
                f"SELECT {', '.join(COLUMNS)} FROM requests {rest}",  # noqa: S608
                *values,
            )
        )
        return [RequestLogRow(*row) for row in rows]


def note_verdicts(
    transaction: Transaction, rows: Sequence[RequestLogRow], prompts: Mapping[str, PromptUse]
) -> None:
    """Note in rows how the prompt cache served them."""
    given = {row.id: prompts[row.id] for row in rows if row.id in prompts}
    judged = judge_prompts(transaction, given)
    for row in rows:
        if found := judged.get(row.id):
            verdict, row.lost_nano_aiu = found
            row.verdict, row.verdict_detail = verdict.kind, verdict.detail or None


def known_from(transaction: Transaction, moments: list[float]) -> set[Row]:
    """The rows that arrived at these times, as (id, at)."""
    known: set[Row] = set()
    for start in range(0, len(moments), MAX_VALUES):
        some = moments[start : start + MAX_VALUES]
        marks = ", ".join("?" * len(some))
        known |= {*transaction.rows(f"SELECT id, at FROM requests WHERE at IN ({marks})", *some)}  # noqa: S608
    return known
