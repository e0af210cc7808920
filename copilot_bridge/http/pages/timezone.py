"""The reader's time zone, from a cookie that the script sets; without it UTC.

The cookie holds the zone's name and its offset at present, `Europe/Berlin|120`.  The offset is for systems
that do not know the zone.
"""

import re
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from urllib.parse import unquote

from flask import g, request

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.http.pages.i18n import tr

COOKIE = "time_zone"
ZONE = re.compile(r"([A-Za-z][\w+/-]{1,40})\|(-?\d{1,3})", re.ASCII)
MAX_OFFSET = 14 * 60  # minutes

DATE, MINUTE, SECOND = len("2026-11-21"), len("2026-11-21T14:32"), len("2026-11-21T14:32:07")
SPAN = {DATE: timedelta(days=1), MINUTE: timedelta(minutes=1)}  # the length of the time that a text names


def cookie() -> str:
    """The zone's name from the browser; "": the browser has sent none."""
    found = ZONE.fullmatch(unquote(request.cookies.get(COOKIE, "")))
    return found[1] if found else ""


def zone() -> tzinfo:
    if "time_zone" not in g:
        g.time_zone = read_zone(unquote(request.cookies.get(COOKIE, "")))
    found: tzinfo = g.time_zone
    return found


def read_zone(text: str) -> tzinfo:
    found = ZONE.fullmatch(text)
    if not found or abs(int(found[2])) > MAX_OFFSET:
        return UTC
    from zoneinfo import ZoneInfo  # with Python's own configuration, which nobody else needs

    try:
        return ZoneInfo(found[1])
    except (ValueError, OSError, KeyError):  # no such zone here
        return timezone(timedelta(minutes=int(found[2])))


def name() -> str:
    """The name of the zone: Europe/Berlin, UTC+08:00, UTC."""
    found = zone()
    return getattr(found, "key", None) or str(found)


def local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, zone())


def midnights(first: float, last: float) -> list[int]:
    """The beginnings of the reader's days from the one that holds `first` to the one after `last`."""
    at = local(first).replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[int] = []
    while not found or found[-1] <= last:
        found.append(int(at.timestamp()))
        at = at + timedelta(days=1)  # the same time on the next day, whatever the clock does meanwhile
    return found


def midnight(moment: float | None = None) -> int:
    """The beginning of the reader's day; None: of today."""
    return midnights(time.time() if moment is None else moment, 0)[0]


def read_moment(text: str, field: str, *, end: bool = False) -> float:
    """Read a time, in unix seconds.

    :param text: "2026-11-21" or "2026-11-21T14:32" in the reader's time zone, the same with a zone, or unix
        seconds.
    :param end: return the end of that day or minute instead of its beginning.
    :raises InvalidRequest:
    """
    try:
        if re.fullmatch(r"\d{6,}(?:\.\d+)?", text):
            return float(text)
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=zone())
        return (at + (SPAN.get(len(text), timedelta()) if end else timedelta())).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(tr("requests.bad_time", field=field), param=field) from error


def as_field(moment: float) -> str:
    """The value for an <input type="datetime-local">, in the reader's time zone."""
    return local(moment).strftime("%Y-%m-%dT%H:%M")
