"""Sets up logging for a process: where the lines go, and in which form."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from copilot_bridge.logs.formatters import JsonFormatter, PlainFormatter, SystemdFormatter


def set_up_logging(
    level: str,
    *,
    debug: bool = False,
    plain: bool = False,
    stream: TextIO | None = None,
    file: Path | None = None,
) -> None:
    """Replace the handlers of this process by one.

    :param debug: the libraries' debug messages too.
    :param plain: for people, even where the output is not a terminal.
    :raises ConfigError: the file can't be opened.
    """
    skip_unused_facts()
    stream = stream or sys.stderr
    handler = file_handler(file) if file else logging.StreamHandler(stream)
    handler.setFormatter(formatter_of(stream, plain=plain, to_file=file is not None))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.getLogger("copilot_bridge").setLevel(logging.DEBUG if debug else level.upper())


def skip_unused_facts() -> None:
    """Turn off facts that no log line shows (as in "Optimization" of Python's logging HOWTO)."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def file_handler(file: Path) -> logging.Handler:
    """Open a log file, and return its handler.

    :raises ConfigError: it can't be opened.
    """
    from copilot_bridge.logs.rotating_file import (
        RotatingLogFile,
    )  # imported here with its lock, because most processes log to stderr

    return RotatingLogFile(file)


def formatter_of(stream: TextIO, *, plain: bool, to_file: bool) -> logging.Formatter:
    if not to_file and is_journal(stream, os.environ):
        return SystemdFormatter()
    return PlainFormatter() if plain or (stream.isatty() and not to_file) else JsonFormatter()


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """True if systemd has connected the stream to its journal, whose device and inode it names."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # it has no descriptor
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
