"""The events of a response in the background, for clients that come later, at any worker.

The process that makes the response has them in memory.  From time to time it writes the new ones among the
kept objects, where other workers and later requests find them: a batch each time, less often the more there
are.
"""

import logging
import threading
import time
from collections.abc import Iterator

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline.kept_objects import KeptObjects

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.2, 5.0, 1.1  # seconds between two batches, and how the time grows


def batch_id(id_: str, number: int) -> str:
    return f"{id_} events {number}"


class EventLog:
    """Takes the events of one response.

    :param owner: the caller for whom they are kept.  :param id_: the response's.
    :ivar ended: no more events will come.
    """

    def __init__(self, kept: KeptObjects, owner: str, id_: str) -> None:
        self._kept = kept
        self._owner = owner
        self._id = id_
        self._events: list[JsonObject] = []
        self._written = self._batches = 0
        self._pause, self._due = FIRST_PAUSE, 0.0
        self._news = threading.Event()
        self._is_kept = True
        self.ended = False

    def add(self, events: list[JsonObject]) -> None:
        if not events:
            return
        self._events += events
        self._tell()
        if time.monotonic() >= self._due:
            self.write()

    def end(self) -> None:
        self.ended = True
        self._tell()
        self.write()

    def since(self, position: int, timeout: float) -> list[JsonObject]:
        """Return the events from a position on, after a wait if there are none yet."""
        deadline = time.monotonic() + timeout
        while True:
            news = self._news
            if len(self._events) > position or self.ended:
                break
            if not news.wait(max(0.0, deadline - time.monotonic())):
                break
        return self._events[position:]

    def _tell(self) -> None:
        self._news.set()
        self._news = threading.Event()

    def write(self) -> None:
        """Write the events that have not been written.  If that fails once, nothing is written any more."""
        if not self._is_kept:
            return
        events, self._written = self._events[self._written :], len(self._events)
        self._pause = min(self._pause * GROWTH, LAST_PAUSE)
        self._due = time.monotonic() + self._pause
        try:
            batch = {"events": events, "ended": self.ended}
            self._kept.write(self._owner, batch_id(self._id, self._batches), batch)
            self._batches += 1
        except BridgeError as error:
            self._is_kept = False
            log.warning("the events of the background response %s can't be kept: %s", self._id, error)


def written_batches(kept: KeptObjects, owner: str, id_: str, first: int) -> Iterator[JsonObject]:
    """Yield the batches that are written, from a number on."""
    while batch := kept.read(owner, batch_id(id_, first)):
        yield batch
        first += 1


def remove_events(kept: KeptObjects, owner: str, id_: str) -> None:
    number = 0
    while kept.remove(owner, batch_id(id_, number)):
        number += 1
