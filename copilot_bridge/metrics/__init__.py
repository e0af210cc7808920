"""The metrics that Prometheus reads.  docs/metrics.md has the table.

Each worker counts in files of its own that are mapped into memory (prometheus_client's multiprocess mode), so
nothing is lost with a worker; the worker that serves Prometheus adds them up.  Where `serving` has made no
folder for the files there is one process, which counts in its own memory.
"""

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics.meters import Meters, QuotaSnapshot

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name


class Metrics:
    """Counts requests when they have ended.  A request never fails because it can't be counted."""

    def __init__(self) -> None:
        self._meters: Meters | None = None
        self._starting = threading.Lock()
        self._failed = False

    def start(self) -> "Meters | None":
        """The meters; None: the folder can't be written to."""
        if self._meters is None and not self._failed:
            with self._starting:
                try:
                    self._meters = self._meters or Meters(os.environ.get(FOLDER_VARIABLE))
                except OSError as error:
                    self._failed = True
                    log.warning("/metrics counts nothing: %s", error)
        return self._meters

    @property
    def shared(self) -> bool:
        """Return whether there are several workers, whose sum takes a while."""
        return FOLDER_VARIABLE in os.environ

    def stream_opened(self) -> None:
        if meters := self._meters or self.start():
            meters.open_streams.inc()

    def stream_closed(self) -> None:
        if self._meters:
            self._meters.open_streams.dec()

    def count_request(
        self, entry: RequestLogEntry, errors: Iterable[str], quotas: Mapping[str, QuotaSnapshot]
    ) -> None:
        """Count a request that has ended.

        :param errors: the kinds of upstream's errors on the way.  :param quotas: by name.
        """
        if meters := self._meters or self.start():
            try:
                meters.count_request(entry, errors, quotas)
            except (OSError, ValueError) as error:
                log.warning("a request was not counted: %s", error)

    def count_token(self, outcome: str) -> None:
        """Count an exchange, in a server: a command, whose counts nobody reads, has started no meters."""
        if meters := self._meters:
            meters.child("token_refreshes", outcome).inc()

    def count_connection(self, host: str, opened: str) -> None:
        """Count a new connection to upstream.  `opened`: "ahead", or "on_demand" for a waiting request."""
        if meters := self._meters or self.start():
            meters.child("connections", host, opened).inc()

    def count_websocket_turn(self, way: str, sent: int, spared: int) -> None:
        """Count a request that a WebSocket to Copilot could carry.

        :param way: how it was sent.  :param sent: bytes over the WebSocket.
        :param spared: bytes that HTTP would have sent besides.
        """
        if meters := self._meters or self.start():
            meters.child("websocket_turns", way).inc()
            meters.child("websocket_sent").inc(sent)
            meters.child("websocket_spared").inc(spared)

    def set_open_websockets(self, number: int) -> None:
        if meters := self._meters or self.start():
            meters.open_websockets.set(number)

    def text(self, budgets: Iterable[Mapping[str, Any]] = ()) -> bytes:
        """The metrics of all workers, in Prometheus' text format.

        :param budgets: the standings of the budgets, as fields.
        :raises OSError:
        """
        meters = self.start()
        if meters is None:
            raise OSError("the folder of the metrics can't be written to")
        return meters.text(budgets)
