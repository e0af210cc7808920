"""The three forms of a log line: plain text, JSON, and plain text for systemd's journal.

The entry of a request writes itself (`RequestLogEntry`), so the master, which has no requests, does without.
"""

import json
import logging
import time
from functools import lru_cache
from typing import Any

import orjson

from copilot_bridge.logs.escaping import CONTROL_ESCAPES, JSON_CONTROL_ESCAPES
from copilot_bridge.redaction import redact


class PlainFormatter(logging.Formatter):
    """Formats for people: `12:03:04 INFO  message`."""

    def format(self, record: logging.LogRecord) -> str:
        entry = getattr(record, "request", None)
        text = entry.as_sentence() if entry else record.getMessage()
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        lines = [f"{stamp} {record.levelname:<7} {text}"]
        if record.exc_info:  # indented, so that none of its lines looks like a log line
            lines += [f"    {line}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(redact(line).translate(CONTROL_ESCAPES) for line in lines)


@lru_cache(2)  # many lines are of the same second
def in_utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class JsonFormatter(logging.Formatter):
    """Formats for machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = getattr(record, "request", None)
        stamp = in_utc(int(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": "request.done" if entry else record.name,
        }
        line |= entry.as_fields() if entry else {"message": redact(record.getMessage())}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        try:
            text = orjson.dumps(line, default=str).decode()
        except TypeError:  # a path whose bytes are not UTF-8
            text = json.dumps(line, default=str, separators=(",", ":"))
        # Most lines have nothing to escape, which can be seen in a tenth of the time.
        return text if text.isprintable() else text.translate(JSON_CONTROL_ESCAPES)


# systemd's levels.  https://www.freedesktop.org/software/systemd/man/sd-daemon.html
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class SystemdFormatter(PlainFormatter):
    """Formats for systemd's journal, which adds the time and reads the level: `<6>message`."""

    def format(self, record: logging.LogRecord) -> str:
        first, *further = super().format(record).split("\n")
        message = first.split(" ", 1)[1].removeprefix(f"{record.levelname:<7}").lstrip()
        return "\n".join(f"<{PRIORITIES.get(record.levelno, 6)}>{line}" for line in (message, *further))
