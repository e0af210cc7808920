"""Writes the request log: each request exactly once, even if the process is killed."""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import NamedTuple

import orjson
from msgspec import Struct

from copilot_bridge.errors import StoreError
from copilot_bridge.shared_memory.crash_log import CrashLog, all_lines, find_line, left_behind
from copilot_bridge.shared_memory.shared_times import SharedTimes
from copilot_bridge.store.logged_request import COLUMNS, RequestLogRow, values_in_order
from copilot_bridge.store.prompt_cache import PromptUse
from copilot_bridge.store.request_log import RequestLog
from copilot_bridge.store.unreleased_schema import OUTCOMES

log = logging.getLogger(__name__)

FLUSH_INTERVAL = 0.5  # seconds
BATCH_SIZE = 1000
MAX_ROWS_IN_MEMORY = 20_000  # while the store accepts none
PRUNE_INTERVAL = 600.0  # seconds
ROLL_UP_INTERVAL = 60.0  # seconds
PAUSE = 0.01  # seconds between two steps, so that no writer waits for long
RECOVERY_INTERVAL = 20.0  # seconds between two searches for rows that dead processes left
PENDING_TTL = (
    60.0  # seconds after a request's end; a row that is missing in the store by then has been deleted
)
OLDEST_COLUMNS = 18  # of the first version

WATCHED_FOR = 5.0  # seconds after a look at the running requests, in which all processes note their progress
PROGRESS = b'["progress","'  # the beginning of such a note's line


class Progress(NamedTuple):
    """How far a request is.

    :param first_byte_ms: until the first byte of the response; None: there is none yet.
    :param received: bytes of the response.  :param tokens: an estimate of its tokens, or None.
    """

    first_byte_ms: int | None = None
    received: int = 0
    tokens: int | None = None


Watch = Callable[[], Progress]


class RunningRequest(Struct, frozen=True):
    """A running request of some process on this machine."""

    row: RequestLogRow
    progress: Progress = Progress()


class RequestLogWriter:
    """Writes rows in batches, shortly after their requests have ended.

    If the process is killed, another one writes the rows that it has left: those of requests that had ended
    as they are, and the others as "interrupted".

    :param folder: the directory of the crash logs; None: rows that are not written yet die with the process.
    :param days: how long rows are kept; 0: none is written.  :param max_rows: how many rows are kept.
    :param watched: when somebody last looked at the running requests.
    """

    def __init__(
        self,
        table: RequestLog,
        folder: Path | None,
        *,
        days: int,
        max_rows: int,
        clock: Callable[[], float] = time.time,
        watched: SharedTimes | None = None,
    ) -> None:
        self._table = table
        self._watched = watched or SharedTimes(None)
        self._begun: dict[str, tuple[RequestLogRow, Watch | None]] = {}
        self._folder = folder
        self._days, self._max_rows = days, max_rows
        self._clock = clock
        self._crash_log: CrashLog | None = None
        self._rows: dict[str, RequestLogRow] = {}
        self._prompts: dict[str, PromptUse] = {}  # of some of the rows
        self._running = False
        self._warned = False

    def start(self) -> None:
        """Start the thread that writes, which also recovers the rows of killed processes."""
        if self._days and not self._running:
            self._running = True
            threading.Thread(target=self._run, daemon=True).start()
            # Without a crash log no other process could write the remaining rows.
            atexit.register(self.flush)

    def begin(self, row: RequestLogRow, progress: Watch | None = None) -> None:
        """Note the start of a request.

        :param row: the row to be written if this process is killed.
        :param progress: called while somebody watches the running requests.
        """
        self._begun[row.id] = row, progress
        if self._crash_log is not None:
            self._crash_log.put(row.id, orjson.dumps(values_in_order(row)))

    @property
    def enabled(self) -> bool:
        return bool(self._days)

    def end(self, row: RequestLogRow, prompt: PromptUse | None = None) -> None:
        """Have the row of an ended request written.

        :param prompt: for the verdict on the prompt cache, which is lost if this process is killed before.
        """
        self._begun.pop(row.id, None)
        if not self._days:
            return
        self.start()
        self._rows[row.id] = row
        if prompt is not None:
            self._prompts[row.id] = prompt
        if self._crash_log is not None:
            self._crash_log.put(row.id, orjson.dumps(values_in_order(row)))

    def pending(self, id_: str) -> RequestLogRow | None:
        """The row that some process on this machine still has to write.

        Its outcome is "interrupted" while the request runs.
        """
        row = self._rows.get(id_)
        if row is None and self._folder is not None:
            line = find_line(self._folder, orjson.dumps([id_])[:-1] + b",")
            row = read_row(line) if line else None
        if row is None or row.outcome == "interrupted":
            return row
        ended = row.at + (row.ms or 0) / 1000
        return row if self._clock() - ended < PENDING_TTL else None

    def running(self) -> list[RunningRequest]:
        """The running requests of all processes on this machine, the oldest first."""
        self._watched.write("running", self._clock())
        found = {
            id_: RunningRequest(row, progress() if progress else Progress())
            for id_, (row, progress) in list(self._begun.items())
        }
        for request in others_running(self._folder) if self._folder is not None else ():
            found.setdefault(request.row.id, request)
        return sorted(found.values(), key=lambda request: request.row.at)

    def _note_progress(self) -> None:
        """Share the progress of this process's requests with other processes, while somebody watches."""
        if self._crash_log is None or self._clock() - self._watched.read("running") > WATCHED_FOR:
            return
        for id_, (_, progress) in list(self._begun.items()):
            if progress is not None and id_ in self._begun:
                self._crash_log.put(f"progress {id_}", orjson.dumps(["progress", id_, *progress()]))

    def _run(self) -> None:
        pruned = recovered = rolled_up = -float("inf")
        while True:
            if time.monotonic() - recovered > RECOVERY_INTERVAL:
                self._open_crash_log()
                self.recover()
                recovered = time.monotonic()
            self.flush()
            self._note_progress()
            if time.monotonic() - rolled_up > ROLL_UP_INTERVAL:
                self.roll_up()
                rolled_up = time.monotonic()
            if time.monotonic() - pruned > PRUNE_INTERVAL:
                self.prune()
                pruned = time.monotonic()
            time.sleep(FLUSH_INTERVAL)

    def _open_crash_log(self) -> None:
        """Open the crash log, unless it is open.  Called again later if there was no room for it."""
        if self._folder is None or self._crash_log is not None:
            return
        try:
            self._crash_log = CrashLog(self._folder)
        except OSError as error:
            log.warning(
                "no crash log, so requests are not logged if this process is killed before their end: %s",
                error,
            )
            return
        for key, row in list(self._rows.items()):
            self._crash_log.put(key, orjson.dumps(values_in_order(row)))

    def recover(self) -> None:
        """Write the rows of ended processes.  Rows that the store does not accept now are kept for later."""
        if self._folder is None:
            return
        for lines in left_behind(self._folder):
            rows = {row.id: row for line in lines if (row := read_row(line))}
            if rows and not self._write(list(rows.values())):
                return

    def flush(self) -> None:
        """Write the rows of ended requests.

        Rows that arrive meanwhile wait for the next batch, or a busy bridge would write them one by one.
        """
        for _ in range(ceil(len(self._rows) / BATCH_SIZE)):
            batch = list(self._rows.values())[:BATCH_SIZE]
            if not self._write(batch):
                for key in list(self._rows)[:-MAX_ROWS_IN_MEMORY]:
                    self._forget(key)
                return
            for row in batch:
                self._forget(row.id)
            if self._crash_log is not None:
                self._crash_log.forget([key for row in batch for key in (row.id, f"progress {row.id}")])

    def _forget(self, key: str) -> None:
        self._rows.pop(key, None)
        self._prompts.pop(key, None)

    def _write(self, rows: list[RequestLogRow]) -> bool:
        prompts = {row.id: self._prompts[row.id] for row in rows if row.id in self._prompts}
        try:
            self._table.write(rows, prompts)
        except StoreError as error:
            if not self._warned:
                log.warning("the store accepts no rows, so the request log waits in memory: %s", error)
            self._warned = True
            return False
        self._warned = False
        return True

    def roll_up(self) -> None:
        """Bring the sums that follow the log up to date, in small steps."""
        try:
            while self._table.roll_up():
                time.sleep(PAUSE)
        except StoreError as error:
            log.warning("the sums of the request log could not be brought up to date: %s", error)

    def prune(self) -> None:
        """Delete old rows in small steps, when the sums contain them."""
        self.roll_up()
        oldest = self._clock() - self._days * 86_400
        try:
            self._table.prune_hours(oldest)
            while self._table.prune(oldest, self._max_rows):
                time.sleep(PAUSE)
        except StoreError as error:
            log.warning("old rows of the request log could not be removed: %s", error)


def read_row(line: bytes) -> RequestLogRow | None:
    """The row in a line of a crash log; None: it is no row.  An earlier version's row has fewer columns."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not (isinstance(row, list) and OLDEST_COLUMNS <= len(row) <= len(COLUMNS)):
        return None
    found = RequestLogRow(*row)
    found.outcome = OUTCOMES.get(found.outcome or "", found.outcome)
    return found


def others_running(folder: Path) -> Iterator[RunningRequest]:
    """The running requests, from the crash logs of all processes."""
    for lines in all_lines(folder):
        last: dict[bytes, bytes] = {}
        progress: dict[bytes, bytes] = {}
        for line in lines:
            if line.startswith(PROGRESS):
                progress[line.removeprefix(PROGRESS).partition(b'"')[0]] = line
            else:
                last[line[2:].partition(b'"')[0]] = line
        for key, line in last.items():
            row = read_row(line) if b'"interrupted"' in line else None
            if row is not None and row.outcome == "interrupted":
                noted = orjson.loads(progress[key])[2:] if key in progress else ()
                yield RunningRequest(row, Progress(*noted[: len(Progress._fields)]))
