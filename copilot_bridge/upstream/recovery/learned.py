"""What upstream's refusals have taught: remembered for a week, by all processes that share a store.

It is in memory, by account, API and model, so that a request only looks it up; it is written by a thread of
its own, and read again when the store has changed.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from copilot_bridge.errors import StoreError

log = logging.getLogger(__name__)

LIFE = 7 * 24 * 3600.0  # s; then it is tried again
SKEW = 600.0  # s
MOST_PER_MODEL, MOST = 64, 10_000
FACT = "fact"  # of a model that was asked, where the others are acts
LOOK_AGAIN = 60.0  # s; machines that share a database do not tell each other


@dataclass(frozen=True, slots=True)
class Lesson:
    """`act`: one of `acts.ACTS`, or a fact; `subject`: of what; `value`: what it should be."""

    act: str
    subject: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """`since`, `until`: unix seconds."""

    account: str
    api: str
    model: str
    lesson: Lesson
    since: float
    until: float

    @classmethod
    def read(cls, row: "Row") -> "Entry":
        return cls(*row[:3], Lesson(*row[3:6]), *row[6:])

    def row(self) -> "Row":
        lesson = self.lesson
        told = (lesson.act, lesson.subject, lesson.value)
        return (self.account, self.api, self.model, *told, self.since, self.until)


Row = tuple[str, str, str, str, str, str, float, float]


class Table(Protocol):
    """Raises StoreError."""

    def put(self, rows: list[Row]) -> None: ...
    def all(self) -> list[Row]: ...
    def forget(self) -> int: ...


class ChangeCounter(Protocol):
    def read(self) -> int: ...
    def bump(self) -> None: ...


Key = tuple[str, str, str]  # account, API, model


class Learned:
    """:param clock: unix seconds.  :param now: monotonic ones."""

    def __init__(
        self,
        table: Table,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._changes = changes
        self._clock = clock
        self._now = now
        self._known: dict[Key, tuple[Entry, ...]] = {}
        self._ready: dict[Key, tuple[Lesson, ...]] = {}
        self._seen: int | None = None  # the signal's number when the store was read
        self._looked = 0.0
        self._reading = threading.Lock()
        self._waiting: list[Entry] = []
        self._writing = threading.Lock()
        self._warned = self._registered = False

    def of(self, account: str, api: str, model: str) -> tuple[Lesson, ...]:
        """For each request: two numbers are compared, and a name is looked up."""
        if self._changes.read() != self._seen:
            self.look_again()
        elif self._now() - self._looked > LOOK_AGAIN:
            self._looked = self._now()
            threading.Thread(target=self.look_again, daemon=True).start()
        return self._ready.get((account, api, model), ())

    def learn(self, account: str, api: str, model: str, *lessons: Lesson) -> None:
        """At once for this process, soon for the others.  The newest of an act on a subject counts."""
        now = self._clock()
        entries = [Entry(account, api, model, lesson, now, now + LIFE) for lesson in lessons]
        for entry in entries:
            log.info("%s of %s: from now on %s", api, model, worded(entry.lesson))
        self._keep([*self.entries(), *entries])
        self._waiting += entries
        if not self._registered:
            self._registered = True
            atexit.register(self.flush)
        threading.Thread(target=self.flush, daemon=True).start()

    def entries(self) -> list[Entry]:
        return [entry for known in self._known.values() for entry in known]

    def read(self) -> list[Entry]:
        """What is stored and still counts, of all accounts.  Raises StoreError."""
        now = self._clock()
        return [entry for entry in map(Entry.read, self._table.all()) if is_valid(entry, now)]

    def forget(self) -> int:
        """How many it were.  Raises StoreError."""
        self._keep([])
        gone = self._table.forget()
        self._changes.bump()
        return gone

    def flush(self) -> None:
        """Write what waits.  What the store does not take now is in memory, and written with the next."""
        with self._writing:
            waiting = self._waiting[-MOST:]
            if not waiting:
                return
            try:
                self._table.put([entry.row() for entry in waiting])
            except StoreError as error:
                self._warn(error)
            else:
                self._waiting = [entry for entry in self._waiting if entry not in waiting]
                self._changes.bump()

    def look_again(self) -> None:
        """By one at a time; the others go on with what is known."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            self._seen, self._looked = self._changes.read(), self._now()
            stored = self.read()
            self._keep([*stored, *self._waiting])
            self._warned = False
        except StoreError as error:
            self._warn(error)
        finally:
            self._reading.release()

    def _keep(self, entries: Iterable[Entry]) -> None:
        """Replaces all: whoever looks meanwhile sees the old or the new."""
        newest: dict[Key, dict[tuple[str, str], Entry]] = {}
        for entry in sorted(entries, key=lambda each: each.since)[-MOST:]:
            of_model = newest.setdefault((entry.account, entry.api, entry.model), {})
            of_model.pop((entry.lesson.act, entry.lesson.subject), None)
            of_model[entry.lesson.act, entry.lesson.subject] = entry
        self._known = {key: tuple(each.values())[-MOST_PER_MODEL:] for key, each in newest.items()}
        self._ready = {key: tuple(entry.lesson for entry in each) for key, each in self._known.items()}

    def _warn(self, error: StoreError) -> None:
        if not self._warned:
            log.warning("what Copilot refuses is remembered in memory only: %s", error)
        self._warned = True


def is_valid(entry: Entry, now: float) -> bool:
    """A clock that was set back makes nothing last longer; those of several machines differ a little."""
    return now < entry.until <= now + LIFE + SKEW


def worded(lesson: Lesson) -> str:
    """`leave out tools.strict`, `allowed values reasoning.effort: low,medium`, `found efforts: low`."""
    if lesson.act == FACT:
        return f"found {lesson.subject}: {lesson.value or 'none'}"
    said = f"{lesson.act} {lesson.subject}".rstrip()
    return f"{said}: {lesson.value}" if lesson.value else said
