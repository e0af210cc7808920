"""What Prometheus asks for.  docs/metrics.md has the table.

Each worker counts in files of its own that are mapped into memory (prometheus_client's multiprocess mode), so
nothing is lost with a worker; whichever of them is asked adds all up.  Where `serving` has made no folder for
the files there is one process, and it counts in its own memory.
"""

import logging
import os
import threading
from collections.abc import Iterable, Mapping

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics.meters import Left, Meters

log = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for it


class Metrics:
    """Counts, when an answer has ended.  It costs nobody an answer if it can't."""

    def __init__(self) -> None:
        self._meters: Meters | None = None
        self._starting = threading.Lock()
        self._failed = False

    def start(self) -> "Meters | None":
        """None: they can't be kept here."""
        if self._meters is None and not self._failed:
            with self._starting:
                try:
                    self._meters = self._meters or Meters(os.environ.get(FOLDER))
                except OSError as error:
                    self._failed = True
                    log.warning("/metrics counts nothing: %s", error)
        return self._meters

    @property
    def shared(self) -> bool:
        """There are several workers to be added up, which takes a while."""
        return FOLDER in os.environ

    def stream_opened(self) -> None:
        if meters := self._meters or self.start():
            meters.streams.inc()

    def stream_closed(self) -> None:
        if self._meters:
            self._meters.streams.dec()

    def done(self, record: RequestLogEntry, errors: Iterable[str], left: Mapping[str, Left]) -> None:
        """:param errors: the kinds of what upstream refused on the way.  :param left: by the quota's name."""
        if meters := self._meters or self.start():
            try:
                meters.done(record, errors, left)
            except (OSError, ValueError) as error:
                log.warning("a request was not counted: %s", error)

    def token_fetched(self, outcome: str) -> None:
        if meters := self._meters or self.start():
            meters.child("tokens_fetched", outcome).inc()

    def text(self) -> bytes:
        """In Prometheus' text format, of all workers.  Raises OSError."""
        meters = self.start()
        if meters is None:
            raise OSError("there is no place to count in")
        return meters.text()
