"""Filters and pages of the request log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.errors import KINDS, InvalidRequest
from copilot_bridge.store.logged_request import RequestLogRow

Cursor = tuple[float, str]  # (at, id) of the row at which a page of the log ends

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


Terms = Sequence[tuple[str, tuple[object, ...]]]


def where(terms: Terms) -> str:
    return f" WHERE {' AND '.join(sql for sql, _ in terms)}" if terms else ""


def values_of(terms: Terms) -> list[object]:
    return [value for _, values in terms for value in values]
