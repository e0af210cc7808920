"""Parses rates like 30/minute and durations like 12h."""

import re

from msgspec import Struct

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
SHORT = {name[0]: seconds for name, seconds in PERIODS.items()}

RATE = re.compile(r"(\d{1,6})\s*(?:/|per)\s*([a-z]+?)s?", re.IGNORECASE)
SPAN = re.compile(r"(\d{1,6})\s*([a-z]+?)s?", re.IGNORECASE)


class RateLimit(Struct, frozen=True):
    """At most `count` requests within any `period` of seconds."""

    count: int
    period: int

    @classmethod
    def parse(cls, text: str) -> "RateLimit":
        """Parses `30/minute` or `5 per second`.  Raises ValueError."""
        match = RATE.fullmatch(text.strip())
        period = match and (PERIODS | SHORT).get(match[2].lower())
        if not match or not period or not int(match[1]):
            raise ValueError("expected a rate like 30/minute (second, minute, hour or day)")
        return cls(int(match[1]), period)


def parse_duration(text: str) -> int:
    """Parses `30d`, `12h` or `45m` to seconds.  Raises ValueError."""
    match = SPAN.fullmatch(text.strip())
    unit = match and (PERIODS | SHORT).get(match[2].lower())
    if not match or not unit or not int(match[1]):
        raise ValueError("expected a duration like 30d, 12h or 45m")
    return int(match[1]) * unit
