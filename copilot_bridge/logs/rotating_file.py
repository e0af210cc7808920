"""A log file that several processes write to and that is rotated by size."""

import contextlib
import logging
import os
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from filelock import FileLock

from copilot_bridge.errors import ConfigError


class RotatingLogFile(WatchedFileHandler):
    """A log file that is renamed when it is full; any number of processes may write to it.

    A line that can't be written is lost: a full disk must not fail a request.

    concurrent-log-handler does the same, but takes its lock for every line; this class takes it to rename.

    :param max_size: bytes.  :param kept: full files, besides the current one.
    :raises ConfigError: the file can't be opened.
    """

    def __init__(self, path: Path, max_size: int = 10_000_000, kept: int = 5) -> None:
        self._max_size, self._kept = max_size, kept
        self._rename_lock = FileLock(f"{path}.lock", mode=0o600)
        try:
            super().__init__(path, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"can't write the log to {path}: {error.strerror or error}") from error

    def _open(self) -> Any:
        return open(self.baseFilename, "a", encoding="utf-8", opener=open_private)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_full():
                with self._rename_lock:
                    self._rotate()
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignore it: there is nowhere left to log it."""

    def _is_full(self) -> bool:
        self.reopenIfNeeded()
        assert self.stream
        return os.fstat(self.stream.fileno()).st_size >= self._max_size

    def _rotate(self) -> None:
        if not self._is_full():  # another process was quicker
            return
        self.close()  # Windows renames no open file
        names = [self.baseFilename, *(f"{self.baseFilename}.{number}" for number in range(1, self._kept + 1))]
        for older, newer in reversed(list(zip(names[1:], names, strict=False))):
            with contextlib.suppress(FileNotFoundError):
                Path(newer).replace(older)
        self.stream = self._open()
        self._statstream()


def open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
