"""Rates as people write them."""

import re
from dataclasses import dataclass

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
SHORT = {name[0]: seconds for name, seconds in PERIODS.items()}

RATE = re.compile(r"(\d{1,6})\s*(?:/|per)\s*([a-z]+?)s?", re.IGNORECASE)
SPAN = re.compile(r"(\d{1,6})\s*([a-z]+?)s?", re.IGNORECASE)


@dataclass(frozen=True)
class RateLimit:
    """At most so many in any such stretch of time.  `period`: seconds."""

    count: int
    period: int

    @classmethod
    def parse(cls, text: str) -> "RateLimit":
        """`30/minute`, `5 per second`.  Raises ValueError."""
        match = RATE.fullmatch(text.strip())
        period = match and (PERIODS | SHORT).get(match[2].lower())
        if not match or not period or not int(match[1]):
            raise ValueError("expected a rate like 30/minute (second, minute, hour or day)")
        return cls(int(match[1]), period)


def parse_duration(text: str) -> int:
    """Seconds of `30d`, `12h`, `45m`.  Raises ValueError."""
    match = SPAN.fullmatch(text.strip())
    unit = match and (PERIODS | SHORT).get(match[2].lower())
    if not match or not unit or not int(match[1]):
        raise ValueError("expected a span of time like 30d, 12h or 45m")
    return int(match[1]) * unit
