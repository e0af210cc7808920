"""How long to wait: what others tell, read with care, and how much of it is left.

Whatever a server tells is bounded here.  Limits of a month are known, so a longer wait is not believed: a
number of four hundred digits and a date in the year 9999 are a day.  What can't be read is half a minute.
"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0  # seconds; whatever was told, after a day it is worth asking again
BELIEVED = 31 * 86_400.0  # seconds that are passed on as they were told
UNREADABLE = 30.0  # seconds, where somebody asks to wait in a way that can't be read
SLACK = 1.0  # seconds by which two readings of one clock may disagree

NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
# "Please retry after 2733 seconds", "try again in 1m12.5s", "wait for 2 hours and 5 minutes".
IN_WORDS = re.compile(
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


@dataclass(frozen=True)
class Wait:
    """A time to be waited for, by a clock that may be set back meanwhile.  Unix seconds."""

    since: float
    until: float

    @classmethod
    def of(cls, seconds: float, now: float) -> "Wait":
        return cls(now, now + min(max(0.0, seconds), LONGEST))

    def left(self, now: float) -> float:
        """Seconds.  What lies further ahead than its own length is not believed: the clock was set back."""
        left = self.until - now
        return left if 0 < left <= min(self.until - self.since, LONGEST) + SLACK else 0.0


def retry_after(headers: Mapping[str, str], message: str | None = None) -> float | None:
    """Seconds; None: nobody asks to wait.

    :param headers: `retry-after` as a number or a date, which is read by the clock of who sent it.
    :param message: of a refusal for the rate; the time may stand in it alone, or in `x-ratelimit-reset`.
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    given = told.get("retry-after", "")
    if NUMBER.fullmatch(given):
        return bounded(float(given))
    theirs = read_date(told.get("date", ""))
    now = time.time() if theirs is None else theirs
    if given:
        then = read_date(given)
        return UNREADABLE if then is None else bounded(then - now)
    if message is None:
        return None
    if NUMBER.fullmatch(reset := told.get("x-ratelimit-reset", "")):
        return bounded(max(1.0, float(reset) - now))
    return in_words(message)


def in_words(message: str) -> float | None:
    """The seconds that a sentence asks to wait; None if it does not."""
    found = IN_WORDS.search(message)
    said = found[1].lower() if found else ""
    parts = [
        float(count) * seconds
        for unit, seconds in UNITS
        for count in re.findall(rf"(\d+(?:\.\d+)?)\s*(?:{unit})(?![a-z])", said)
    ]
    return bounded(sum(parts)) if parts else None


def read_date(value: str) -> float | None:
    """Unix seconds of an HTTP date; None if it is something else."""
    try:
        then = parsedate_to_datetime(value)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()  # naive: a zone of -0000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def bounded(seconds: float) -> float:
    return LONGEST if seconds > BELIEVED else max(0.0, seconds)


def header(seconds: float | None) -> dict[str, str]:
    """`retry-after`, in whole seconds that are not too few; nothing if there is nothing to wait for."""
    return {} if seconds is None else {"retry-after": str(math.ceil(bounded(seconds)))}


def in_short(seconds: float) -> str:
    """For people: "45 s", "12 min", "2 h 5 min"."""
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if minutes < 100 else f"{hours} h {rest} min" if rest else f"{hours} h"


def clock_time(at: float) -> str:
    """For people, in UTC; with the day where that is not today's."""
    then = datetime.fromtimestamp(at, UTC)
    today = then.date() == datetime.now(UTC).date()
    return then.strftime("%H:%M:%S UTC" if today else "%Y-%m-%d %H:%M:%S UTC")
