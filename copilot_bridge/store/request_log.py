"""The request log in the store: callers, models, costs and outcomes, but no prompts and no responses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from cachetools import TTLCache

from copilot_bridge.billing.charge import in_nano_cents
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.hourly_rollups import SUCCESSES, hourly_rollups, nano_aiu_of
from copilot_bridge.errors import KINDS, InvalidRequest
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.prompt_cache import PromptUse, judge_prompts, prune_prompts
from copilot_bridge.store.rollups import (
    CENTS_OF_REQUEST,
    FOLLOWING,
    UPSERT_HOUR,
    behind,
    catch_up,
    next_written,
)


@dataclass(slots=True)
class RequestLogRow:
    """A request in the store.  None: unknown, or not known yet.

    New columns go to the end: rows that a killed process of an earlier version left behind are read by
    position.
    """

    id: str
    at: float  # unix seconds of its arrival
    caller: str | None = None  # the key, or "local"
    account: str | None = None  # the GitHub login
    dialect: str | None = None
    model: str | None = None
    upstream: str | None = None  # the dialect that was spoken to Copilot
    initiator: str | None = None
    status: int | None = None
    # "ok", "client_disconnected", the kind of an error, or "interrupted": the process ended first.
    outcome: str | None = None
    ms: int | None = None
    first_byte_ms: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost: float | None = None  # AI units
    quota: float | None = None  # per cent of the plan's requests that are left
    queue_ms: int | None = None  # spent waiting for the rate limits and for the operator's approval
    token_ms: int | None = None  # spent waiting for a Copilot token
    error: str | None = None  # its message, shortened
    address: str | None = None  # of the client
    path: str | None = None
    streamed: int | None = None  # 1 or 0
    premium: float | None = None  # premium requests that it cost, where the model's price is known
    session: str | None = None  # a short name of the conversation
    discount: float | None = None  # the part of the price that the model "auto" took off
    adaptations: str | None = None  # what Copilot refused at first, and the bridge changed or left out
    nano_aiu: int | None = None  # the cost in 1e-9 AI units; None in rows of version 0.2
    estimated: int | None = None  # 1: the cost is by the table of prices, 0: by Copilot's own words
    tier: str | None = None  # of the prices: "default" or "long", by the length of the prompt
    tokens_written: int | None = None  # to the prompt cache
    searches: int | None = None  # web searches
    retries: int | None = None  # how often the bridge sent the request again
    requested_model: str | None = None  # the client's name for the model
    response_model: str | None = None  # the model that the response names
    upstream_id: str | None = None  # GitHub's id of the request
    client: str | None = None  # the program, by its User-Agent
    interaction: str | None = None  # a short name of all that follows from one thing that the user said
    kind: str | None = None  # "conversation-subagent" and the like; None: the conversation itself
    catalogue_ms: int | None = None  # spent waiting for the list of models
    connection_ms: int | None = None  # spent waiting for a new connection to Copilot
    verdict: str | None = None  # on the prompt cache: "hit", "model_changed", ...
    verdict_detail: str | None = None  # such as the number of the changed message
    lost_nano_aiu: int | None = None  # what it cost that the cache was missed, in 1e-9 AI units
    instead_of: str | None = None  # the model that was refused, so that another responded
    fallback_reason: str | None = None  # the kind of that refusal
    parent: str | None = None  # the request of a client for which the bridge sent this one
    uploaded: int | None = None  # bytes of the requests to Copilot
    spared: int | None = None  # bytes that were not sent again, since Copilot remembered them


SHORT_ID = 13  # characters of the ids of conversations and interactions that the log keeps
COLUMNS = tuple(field.name for field in fields(RequestLogRow))
values_in_order = attrgetter(*COLUMNS)
WRITE_TIMEOUT = 5.0  # seconds; after it the rows are written again later
Cursor = tuple[float, str]  # (at, id) of the row at which a page of the log ends

DELETE_BATCH = 1000  # rows that are deleted in one transaction
MAX_VALUES = 500  # in a statement
EXPORT_BATCH = 500  # rows that an export reads at a time
CLOCK_TOLERANCE = (
    2.0  # seconds; the transaction that writes a row may commit so long after the row's `written`
)

FAILED = "error"  # in a filter: all outcomes but successes

# Names of groups of outcomes, for filters: by who can help, and incomplete responses.
GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(kind.name for kind in KINDS.values() if kind.group == group)
    for group in ("client", "limit", "upstream", "broken")
}
GROUPS["broken"] += ("interrupted",)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Conditions that rows have to meet.  `since`, `until`: unix seconds, the latter excluded.

    :param status: "404", or "4xx" for the class.
    :param outcome: as in the log, or "error", or one of `GROUPS`.
    :param client: the program.  :param initiator: "user" or "agent".
    :param text: a part of the error, or the beginning of the request's id.
    """

    since: float | None = None
    until: float | None = None
    caller: str | None = None
    account: str | None = None
    model: str | None = None
    status: str | None = None
    outcome: str | None = None
    session: str | None = None
    client: str | None = None
    initiator: str | None = None
    text: str | None = None

    def terms(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        """The conditions as SQL, each with its values.  Raises InvalidRequest: no such status."""
        if self.since is not None:
            yield "at >= ?", (self.since,)
        if self.until is not None:
            yield "at < ?", (self.until,)
        for name in ("caller", "account", "model", "session", "client", "initiator"):
            if (wanted := getattr(self, name)) is not None:
                yield f"{name} = ?", (wanted,)
        if self.status is not None:
            yield "status >= ? AND status < ?", read_status(self.status)
        if self.outcome == FAILED:
            yield "outcome NOT IN (?, ?)", SUCCESSES
        elif self.outcome in GROUPS:
            kinds = GROUPS[self.outcome]
            yield f"outcome IN ({', '.join('?' * len(kinds))})", kinds
        elif self.outcome is not None:
            yield "outcome = ?", (self.outcome,)
        if self.text is not None:
            yield text_term(self.text)


ALL_REQUESTS = LogFilter()


def text_term(text: str) -> tuple[str, tuple[object, ...]]:
    """The condition that an error has the text, or the request's id begins with it."""
    pattern = escaped(text.lower())
    # The index knows the outcome, so the rows of successes, which have no error, are not read.
    of_error = "outcome NOT IN (?, ?) AND lower(error) LIKE ? ESCAPE '!'"
    values = (*SUCCESSES, f"%{pattern}%")
    if any(sign.isspace() for sign in text):  # an id has none
        return of_error, values
    return f"(({of_error}) OR id LIKE ? ESCAPE '!')", (*values, f"{pattern}%")


def nano_cents_of(row: RequestLogRow) -> int:
    """The list price in 1e-9 US cents; 0: it is not known."""
    premium = None if row.premium is None else round(row.premium * NANO)
    return in_nano_cents(nano_aiu_of(row), premium) or 0


def escaped(text: str) -> str:
    """Escape a text for a LIKE pattern."""
    return "".join(f"!{sign}" if sign in "!%_" else sign for sign in text)


def read_status(text: str) -> tuple[int, int]:
    """Return the range of statuses that "404" or "4xx" means, its end excluded.  Raises InvalidRequest."""
    if len(text) == 3 and text.isascii():
        if text.isdecimal():
            return int(text), int(text) + 1
        if text[0].isdecimal() and text[1:].lower() == "xx":
            return int(text[0]) * 100, int(text[0]) * 100 + 100
    raise InvalidRequest("status: expected one like 404, or a class like 4xx", param="status")


def cursor_of(row: RequestLogRow) -> str:
    """The cursor at a row, as text for the next page's query."""
    return f"{row.at!r}~{row.id}"


def read_cursor(text: str) -> Cursor:
    """Read a cursor from its text.  Raises InvalidRequest."""
    at, _, id_ = text.partition("~")
    try:
        return float(at), id_
    except ValueError as error:
        raise InvalidRequest(
            "before: expected the cursor at the end of the previous page", param="before"
        ) from error


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


Terms = Sequence[tuple[str, tuple[object, ...]]]


def where(terms: Terms) -> str:
    return f" WHERE {' AND '.join(sql for sql, _ in terms)}" if terms else ""


def values_of(terms: Terms) -> list[object]:
    return [value for _, values in terms for value in values]


def known_from(transaction: Transaction, moments: list[float]) -> set[Row]:
    """The rows that arrived at these times, as (id, at)."""
    known: set[Row] = set()
    for start in range(0, len(moments), MAX_VALUES):
        some = moments[start : start + MAX_VALUES]
        marks = ", ".join("?" * len(some))
        known |= {*transaction.rows(f"SELECT id, at FROM requests WHERE at IN ({marks})", *some)}  # noqa: S608
    return known
