"""A record of all requests, for tests to ask: `GET /_simulator/requests`."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from time import monotonic, time
from typing import Any

import orjson
from gevent.event import Event

KEPT = 2000  # entries
WHOLE_BODY = 64 * 1024  # bytes up to which a body is kept as it came
LONG_TEXT = 1000  # characters kept of a long text, at each end

COMPLETE, CLIENT_GONE, FAULT = "complete", "client-gone", "fault"


@dataclass(slots=True)
class Entry:
    """One request.  Times are unix seconds; `outcome` stays None while the response is under way."""

    id: int
    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    raw: bytes
    persona: str | None
    started: float = field(default_factory=time)
    ended: float | None = None
    outcome: str | None = None
    nano_aiu: int | None = None  # what it is billed, in 1e-9 AI units
    premium: float | None = None  # and in premium requests; None on plans that are billed by token

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": parse(self.raw),
            "persona": self.persona,
            "started": self.started,
            "ended": self.ended,
            "outcome": self.outcome,
            "nano_aiu": self.nano_aiu,
            "premium": self.premium,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The entries that a test asks for.

    `started` and `ended` are lower bounds in unix seconds; 1 means "at any time".
    """

    match: str = ""
    path: str = ""
    started: float = 0.0
    ended: float = 0.0

    def fits(self, entry: Entry) -> bool:
        return (
            self.path in entry.path
            and entry.started >= self.started
            and (not self.ended or (entry.ended or 0.0) >= self.ended)
            and self.match.encode() in entry.raw
        )


class Ledger:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._ids = count(1)
        self._changed = Event()

    def open(self, method: str, path: str, headers: dict[str, str], raw: bytes, persona: str | None) -> Entry:
        entry = Entry(next(self._ids), method, path, headers, shorten(raw), persona)
        self._entries.append(entry)
        self._wake()
        return entry

    def close(self, entry: Entry, outcome: str) -> None:
        entry.ended, entry.outcome = time(), outcome
        self._wake()

    def clear(self) -> None:
        self._entries.clear()

    def find(self, query: Query, timeout: float = 0.0) -> list[dict[str, Any]]:
        """The entries that fit; waits up to `timeout` seconds for the first one."""
        give_up = monotonic() + timeout
        while True:
            changed = self._changed
            if found := [entry.as_json() for entry in self._entries if query.fits(entry)]:
                return found
            if not changed.wait(max(0.0, give_up - monotonic())):
                return []

    def _wake(self) -> None:
        # A fresh event each time: those that wait on the old one wake exactly once.
        changed, self._changed = self._changed, Event()
        changed.set()


def parse(raw: bytes) -> Any:
    """The JSON in `raw`, or None."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def shorten(raw: bytes) -> bytes:
    """The body as it is kept.

    A big one loses the middle of its long texts, so that 2,000 prompts fit in memory.

    """
    if len(raw) <= WHOLE_BODY:
        return raw
    try:
        return orjson.dumps(_shorten(orjson.loads(raw)))
    except orjson.JSONDecodeError:
        return raw[:LONG_TEXT]


def _shorten(value: Any) -> Any:
    rule: Callable[[Any], Any] = _SHORTEN.get(type(value), lambda same: same)
    return rule(value)


def _shorten_text(text: str) -> str:
    if len(text) <= 2 * LONG_TEXT:
        return text
    return f"{text[:LONG_TEXT]}…[{len(text) - 2 * LONG_TEXT} characters]…{text[-LONG_TEXT:]}"


_SHORTEN: dict[type, Callable[[Any], Any]] = {
    str: _shorten_text,
    list: lambda items: [_shorten(item) for item in items],
    dict: lambda fields: {name: _shorten(value) for name, value in fields.items()},
}
