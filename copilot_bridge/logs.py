"""Log lines: readable on a terminal, JSON elsewhere, without secrets anywhere; and one line per request."""

import contextlib
import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO

import orjson
from filelock import FileLock

from copilot_bridge.errors import BridgeError, ConfigError
from copilot_bridge.redaction import redact

log = logging.getLogger("copilot_bridge.request")

# What a log line may not do to the terminal or file that it is read in.
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))}
# Those that turn a text around, so that it reads as what it is not (Unicode, annex 9), or end a line.
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
CONTROL |= {code: f"\\u{code:04x}" for code in DIRECTIONS}

# JSON escapes the others itself.
JSON_CONTROL = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *DIRECTIONS)}

# Copilot's own word on what an answer cost, in 1e-9 AI units.
COST_NAME = b'"total_nano_aiu"'
COST = re.compile(COST_NAME + rb"\s*:\s*(\d+)(?=\D)")  # with what follows, or its last digits may be missing
LONGEST_COST = 64  # bytes that it may take

# In the store.
LONGEST_ERROR, LONGEST_NAME = 500, 200

FIELDS = (
    "id",
    "caller",
    "caller_id",
    "method",
    "path",
    "dialect",
    "model",
    "status",
    "first_byte_ms",
    "ms",
    "tokens_in",
    "tokens_out",
    "session",
    "discount",
    "outcome",
    "error",
    "mended",
)


# Those that hold what others wrote.
FROM_CLIENTS = ("method", "path", "model", "error")


@dataclass(slots=True)
class Record:
    """What is known about one request; a single line of the log in the end, and a row in the store.

    :param caller: the client's address.  :param caller_id: which key it came with.
    :param account: the GitHub login that paid.  :param upstream: the dialect spoken to Copilot.
    :param session: a short name of the conversation.  :param discount: part of the price taken off it.
    :param cost: AI units.  :param quota: per cent left.  :param premium: requests taken of the plan.
    :param queue: seconds until it was its turn.  :param token: seconds until there was a Copilot token.
    :param mended: what Copilot refused and was said otherwise, or left out.
    :param outcome: "ok", "client gone", or the kind of the error; `error` is its message.
    """

    caller: str
    method: str
    path: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    caller_id: str | None = None
    dialect: str | None = None
    model: str | None = None
    status: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    outcome: str = "ok"
    error: str | None = None
    mended: str | None = None
    level: int = logging.INFO
    account: str | None = None
    upstream: str | None = None
    initiator: str | None = None
    session: str | None = None
    discount: float | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost: float | None = None
    quota: float | None = None
    premium: float | None = None
    queue: float | None = None
    token: float | None = None
    streamed: bool = False
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    first_byte_at: float | None = None
    _tail: bytes = b""

    def first_byte(self) -> None:
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()

    @property
    def first_byte_ms(self) -> int | None:
        return None if self.first_byte_at is None else round((self.first_byte_at - self.began) * 1000)

    @property
    def ms(self) -> int:
        return round((time.perf_counter() - self.began) * 1000)

    def count(self, usage: dict[str, Any] | None) -> None:
        """`usage` as OpenAI counts: prompt_tokens, completion_tokens."""
        if usage:
            self.tokens_in = usage.get("prompt_tokens")
            self.tokens_out = usage.get("completion_tokens")
            self.tokens_cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            self.tokens_reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")

    def count_cost(self, data: bytes) -> None:
        """Of an answer's bytes, those that say what it cost, if they are among them.

        :param data: the next piece; it may begin and end anywhere.
        """
        seen = self._tail + data
        if COST_NAME in seen and (found := COST.search(seen)):
            self.cost = int(found[1]) / 1e9
        self._tail = seen[-LONGEST_COST:]

    def row(self) -> tuple[object, ...]:
        """For the request log in the store."""
        return (
            self.id,
            self.at,
            self.caller_id or "local",
            self.account,
            self.dialect,
            shortened(self.model, LONGEST_NAME),
            self.upstream,
            self.initiator,
            self.status,
            self.outcome,
            self.ms,
            self.first_byte_ms,
            self.tokens_in,
            self.tokens_out,
            self.tokens_cached,
            self.tokens_reasoning,
            self.cost,
            self.quota,
            milliseconds(self.queue),
            milliseconds(self.token),
            shortened(self.error, LONGEST_ERROR),
            self.caller,
            shortened(self.path, LONGEST_NAME),
            int(self.streamed),
            self.premium,
            self.session,
            self.discount,
            shortened(self.mended, LONGEST_ERROR),
        )

    def row_if_cut(self) -> tuple[object, ...]:
        """The same if nothing more is heard of it."""
        return (
            self.id,
            self.at,
            self.caller_id or "local",
            None,
            self.dialect,
            shortened(self.model, LONGEST_NAME),
            *(None, None, None, "cut"),
            *(None,) * 11,
            self.caller,
            shortened(self.path, LONGEST_NAME),
            int(self.streamed),
            *(None,) * 4,
        )

    def failed(self, error: BridgeError) -> None:
        self.outcome, self.error = error.kind, error.code or error.kind if error.quotes else str(error)

    def write(self) -> None:
        if log.isEnabledFor(self.level):
            log.log(self.level, "request", extra={"request": self})


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def shortened(text: str | None, most: int) -> str | None:
    """What others wrote, on one line and without secrets, fit to be kept."""
    return None if text is None else tidy(text[: 4 * most])[:most]


@lru_cache(1024)  # the same few come again and again
def tidy(text: str) -> str:
    return redact(text).translate(CONTROL)


def as_fields(record: Record) -> dict[str, Any]:
    fields = {name: value for name in FIELDS if (value := getattr(record, name)) is not None}
    return fields | {name: redact(fields[name]) for name in FROM_CLIENTS if name in fields}


def as_sentence(record: Record) -> str:
    """`POST /v1/chat/completions claude-sonnet-4.5 200 ok 910>61 tokens, first byte 812 ms, 2310 ms`"""
    tokens = f"{record.tokens_in}>{record.tokens_out or 0} tokens, " if record.tokens_in is not None else ""
    first = f"first byte {record.first_byte_ms} ms, " if record.first_byte_at is not None else ""
    words = (record.method, record.path, record.model, str(record.status), record.outcome)
    line = " ".join(word for word in words if word)
    mended = f", refused first: {record.mended}" if record.mended else ""
    error = f": {record.error}" if record.error else ""
    return f"{line} ({tokens}{first}{record.ms} ms) {record.caller} {record.id[:8]}{mended}{error}"


class Plain(logging.Formatter):
    """For people: `12:03:04 INFO  message`."""

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)
        text = as_sentence(request) if request else record.getMessage()
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        lines = [f"{stamp} {record.levelname:<7} {text}"]
        if record.exc_info:  # set off, so that nothing in it looks like a line of ours
            lines += [f"    {line}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(redact(line).translate(CONTROL) for line in lines)


class Json(logging.Formatter):
    """For machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": "request.done" if request else record.name,
        }
        line |= as_fields(request) if request else {"message": redact(record.getMessage())}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        try:
            text = orjson.dumps(line, default=str).decode()
        except TypeError:  # a path whose bytes are no text
            text = json.dumps(line, default=str, separators=(",", ":"))
        return text.translate(JSON_CONTROL)


# As systemd's journal takes them.  https://www.freedesktop.org/software/systemd/man/sd-daemon.html
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Journal(Plain):
    """For the journal, which knows the time and keeps the level: `<6>message`."""

    def format(self, record: logging.LogRecord) -> str:
        first, *rest = super().format(record).split("\n")
        words = first.split(" ", 1)[1].removeprefix(f"{record.levelname:<7}").lstrip()
        return "\n".join(f"<{PRIORITIES.get(record.levelno, 6)}>{line}" for line in (words, *rest))


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """systemd names the device and inode that it connects to its journal."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # it has no descriptor
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class LogFile(WatchedFileHandler):
    """A file that is renamed when it is full; any number of processes may write to it.

    What can't be written is lost: a full disk costs lines of the log and nobody's answer.
    """

    def __init__(self, path: Path, most: int = 10_000_000, kept: int = 5) -> None:
        """Raises ConfigError.  :param most: bytes.  :param kept: full files, besides the current one."""
        self._most, self._kept = most, kept
        self._renaming = FileLock(f"{path}.lock", mode=0o600)
        try:
            super().__init__(path, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"can't write the log to {path}: {error.strerror or error}") from error

    def _open(self) -> Any:
        return open(self.baseFilename, "a", encoding="utf-8", opener=private)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_full():
                with self._renaming:
                    self._rename()
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nobody could be told."""

    def _is_full(self) -> bool:
        self.reopenIfNeeded()
        assert self.stream
        return os.fstat(self.stream.fileno()).st_size >= self._most

    def _rename(self) -> None:
        if not self._is_full():  # another process has been quicker
            return
        self.close()  # or Windows would not rename it
        names = [self.baseFilename, *(f"{self.baseFilename}.{number}" for number in range(1, self._kept + 1))]
        for older, newer in reversed(list(zip(names[1:], names, strict=False))):
            with contextlib.suppress(FileNotFoundError):
                Path(newer).replace(older)
        self.stream = self._open()
        self._statstream()


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def set_up(
    level: str,
    *,
    debug: bool = False,
    plain: bool = False,
    stream: TextIO | None = None,
    file: Path | None = None,
) -> None:
    """One handler for everything that is said in this process.  Raises ConfigError: no such file can be.

    :param debug: the libraries' debug messages too.
    :param plain: for people, wherever it goes.
    """
    stream = stream or sys.stderr
    handler = LogFile(file) if file else logging.StreamHandler(stream)
    form: type[logging.Formatter] = Plain if plain or (stream.isatty() and not file) else Json
    handler.setFormatter(Journal() if not file and is_journal(stream, os.environ) else form())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.getLogger("copilot_bridge").setLevel(logging.DEBUG if debug else level.upper())
