"""Times to wait: what servers ask for, read with care, and how much of it remains.

What a server asks for is bounded here.  Limits of a month are known, so a longer wait is not believed: a
number of four hundred digits and a date in the year 9999 become a day.  What can't be read becomes half a
minute.
"""

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

MAX_WAIT = 86_400.0  # seconds; after a day it is worth asking again, whatever the server asked for
MAX_CREDIBLE_WAIT = 31 * 86_400.0  # seconds that are passed on unchanged
DEFAULT_WAIT = 30.0  # seconds, where a server asks to wait in a way that can't be read
CLOCK_TOLERANCE = 1.0  # seconds by which two readings of one clock may disagree

NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
# "Please retry after 2733 seconds", "try again in 1m12.5s", "wait for 2 hours and 5 minutes".
SENTENCE = re.compile(
    r"\b(?:retry|try again|wait|available)\b[^.;\d]{0,40}?((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE | re.ASCII,
)
UNITS = (
    ("ms|milliseconds?", 0.001),
    ("s|secs?|seconds?", 1.0),
    ("m|mins?|minutes?", 60.0),
    ("h|hrs?|hours?", 3600.0),
    ("d|days?", 86_400.0),
)


class Wait(Struct, frozen=True):
    """A waiting time in unix seconds, by a clock that may be set back meanwhile."""

    since: float
    until: float

    @classmethod
    def of(cls, seconds: float, now: float) -> "Wait":
        return cls(now, now + min(max(0.0, seconds), MAX_WAIT))

    def remaining(self, now: float) -> float:
        """Seconds; 0 also where more remains than the whole wait: then the clock was set back."""
        remaining = self.until - now
        longest = min(self.until - self.since, MAX_WAIT) + CLOCK_TOLERANCE
        return remaining if 0 < remaining <= longest else 0.0


def retry_after(headers: Mapping[str, str], message: str | None = None) -> float | None:
    """The seconds that a server asks to wait; None: it does not.

    :param headers: `retry-after` as a number or a date, which is compared with the server's own `date`.
    :param message: of a rate limit; the time may be in it alone, or in `x-ratelimit-reset`.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    value = values.get("retry-after", "")
    if NUMBER.fullmatch(value):
        return bounded(float(value))
    server_time = read_date(values.get("date", ""))
    now = time.time() if server_time is None else server_time
    if value:
        then = read_date(value)
        return DEFAULT_WAIT if then is None else bounded(then - now)
    if message is None:
        return None
    if NUMBER.fullmatch(reset := values.get("x-ratelimit-reset", "")):
        return bounded(max(1.0, float(reset) - now))
    return read_sentence(message)


def read_sentence(message: str) -> float | None:
    """The seconds that a sentence asks to wait; None if it does not."""
    found = SENTENCE.search(message)
    times = found[1].lower() if found else ""
    parts = [
        float(count) * seconds
        for unit, seconds in UNITS
        for count in re.findall(rf"(\d+(?:\.\d+)?)\s*(?:{unit})(?![a-z])", times)
    ]
    return bounded(sum(parts)) if parts else None


def read_date(value: str) -> float | None:
    """The Unix seconds of an HTTP date; None if it is something else."""
    try:
        then = parsedate_to_datetime(value)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()  # naive: a zone of -0000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def bounded(seconds: float) -> float:
    return MAX_WAIT if seconds > MAX_CREDIBLE_WAIT else max(0.0, seconds)


def retry_after_header(seconds: float | None) -> dict[str, str]:
    """`retry-after` in whole seconds, rounded up; nothing where there is nothing to wait for."""
    return {} if seconds is None else {"retry-after": str(math.ceil(bounded(seconds)))}


def format_duration(seconds: float) -> str:
    """A duration for people: "45 s", "12 min", "2 h 5 min"."""
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    hours, remaining = divmod(minutes, 60)
    return f"{minutes} min" if minutes < 100 else f"{hours} h {remaining} min" if remaining else f"{hours} h"


def format_time(at: float) -> str:
    """A time for people, in UTC; with the date if it is not today's."""
    then = datetime.fromtimestamp(at, UTC)
    today = then.date() == datetime.now(UTC).date()
    return then.strftime("%H:%M:%S UTC" if today else "%Y-%m-%d %H:%M:%S UTC")
