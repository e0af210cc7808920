"""Log records and log entries to format."""

import logging

from copilot_bridge.logs.entry import RequestLogEntry


def log_record(message, *args, level=logging.WARNING, exc_info=None, request=None):
    record = logging.LogRecord("copilot_bridge.test", level, __file__, 1, message, args, exc_info)
    if request:
        record.request = request
    return record


def log_entry(**values):
    entry = RequestLogEntry(
        "127.0.0.1", "POST", "/v1/chat/completions", id="0a1b2c3d-0000-4000-8000-000000000000"
    )
    for name, value in values.items():
        setattr(entry, name, value)
    return entry
