"""Lessons of refusals, remembered for a week by all processes that share a store.

They are in memory by account, API and model, so that a request only looks them up.  A thread of its own
writes them, and they are read again when the store has changed.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from copilot_bridge.errors import StoreError

log = logging.getLogger(__name__)

LESSON_TTL = 7 * 24 * 3600.0  # seconds; then the request is sent unchanged again
CLOCK_TOLERANCE = 600.0  # seconds
MAX_PER_MODEL, MAX_LESSONS = 64, 10_000
FACT = "fact"  # found by probing a model; all other lessons are acts
RELOAD_INTERVAL = 60.0  # seconds; machines that share a database do not notify each other


class Lesson(Struct, frozen=True):
    """An act or a fact.  `act`: a key of `acts.ACTS`, or FACT; `subject`, `value`: its parameters."""

    act: str
    subject: str = ""
    value: str = ""


class StoredLesson(Struct, frozen=True):
    """A lesson of one account, API and model.  `since`, `until`: unix seconds."""

    account: str
    api: str
    model: str
    lesson: Lesson
    since: float
    until: float

    @classmethod
    def read(cls, row: "Row") -> "StoredLesson":
        return cls(*row[:3], Lesson(*row[3:6]), *row[6:])

    def row(self) -> "Row":
        lesson = self.lesson
        described = (lesson.act, lesson.subject, lesson.value)
        return (self.account, self.api, self.model, *described, self.since, self.until)


Row = tuple[str, str, str, str, str, str, float, float]


class LessonTable(Protocol):
    """The table in the store; each method may raise StoreError."""

    def put(self, rows: list[Row]) -> None: ...
    def all(self) -> list[Row]: ...
    def forget(self) -> int: ...


class ChangeCounter(Protocol):
    def read(self) -> int: ...
    def bump(self) -> None: ...


Key = tuple[str, str, str]  # account, API, model


class Learned:
    """The lessons in memory, in front of the store.

    :param clock: unix seconds.  :param now: monotonic seconds.
    """

    def __init__(
        self,
        table: LessonTable,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._changes = changes
        self._clock = clock
        self._now = now
        self._known: dict[Key, tuple[StoredLesson, ...]] = {}
        self._ready: dict[Key, tuple[Lesson, ...]] = {}
        self._seen: int | None = None  # the signal's number when the store was read
        self._looked = 0.0
        self._reading = threading.Lock()
        self._waiting: list[StoredLesson] = []
        self._writing = threading.Lock()
        self._warned = self._registered = False

    def of(self, account: str, api: str, model: str) -> tuple[Lesson, ...]:
        """The lessons for a request; costs only the comparison of two numbers and a look-up."""
        if self._changes.read() != self._seen:
            self.look_again()
        elif self._now() - self._looked > RELOAD_INTERVAL:
            self._looked = self._now()
            threading.Thread(target=self.look_again, daemon=True).start()
        return self._ready.get((account, api, model), ())

    def learn(self, account: str, api: str, model: str, *lessons: Lesson) -> None:
        """Add lessons, at once for this process and soon for all; the newest of an act and subject counts."""
        now = self._clock()
        entries = [StoredLesson(account, api, model, lesson, now, now + LESSON_TTL) for lesson in lessons]
        for entry in entries:
            log.info("learned for %s of %s: %s", api, model, describe(entry.lesson))
        self._keep([*self.entries(), *entries])
        self._waiting += entries
        if not self._registered:
            self._registered = True
            atexit.register(self.flush)
        threading.Thread(target=self.flush, daemon=True).start()

    def entries(self) -> list[StoredLesson]:
        return [entry for known in self._known.values() for entry in known]

    def read(self) -> list[StoredLesson]:
        """The valid lessons in the store, of all accounts.

        :raises StoreError:
        """
        now = self._clock()
        return [entry for entry in map(StoredLesson.read, self._table.all()) if is_valid(entry, now)]

    def forget(self) -> int:
        """Delete all lessons and return their number.

        :raises StoreError:
        """
        self._keep([])
        gone = self._table.forget()
        self._changes.bump()
        return gone

    def flush(self) -> None:
        """Write the new lessons.  If the store fails, they stay in memory and are written with the next."""
        with self._writing:
            waiting = self._waiting[-MAX_LESSONS:]
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
        """Read the store again, in one thread at a time; the others continue with the present lessons."""
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

    def _keep(self, entries: Iterable[StoredLesson]) -> None:
        """Replace all lessons at once, so that a concurrent request sees the old or the new ones."""
        newest: dict[Key, dict[tuple[str, str], StoredLesson]] = {}
        for entry in sorted(entries, key=lambda entry: entry.since)[-MAX_LESSONS:]:
            of_model = newest.setdefault((entry.account, entry.api, entry.model), {})
            of_model.pop((entry.lesson.act, entry.lesson.subject), None)
            of_model[entry.lesson.act, entry.lesson.subject] = entry
        self._known = {key: tuple(found.values())[-MAX_PER_MODEL:] for key, found in newest.items()}
        self._ready = {key: tuple(entry.lesson for entry in entries) for key, entries in self._known.items()}

    def _warn(self, error: StoreError) -> None:
        if not self._warned:
            log.warning("the lessons of refusals can't be stored, so they are kept in memory only: %s", error)
        self._warned = True


def is_valid(entry: StoredLesson, now: float) -> bool:
    """Return whether a lesson still counts; a clock that was set back makes none last longer."""
    return now < entry.until <= now + LESSON_TTL + CLOCK_TOLERANCE


def describe(lesson: Lesson) -> str:
    """A lesson in words: `leave out tools.strict`, `allowed values reasoning.effort: low,medium`."""
    if lesson.act == FACT:
        return f"found {lesson.subject}: {lesson.value or 'none'}"
    text = f"{lesson.act} {lesson.subject}".rstrip()
    return f"{text}: {lesson.value}" if lesson.value else text
