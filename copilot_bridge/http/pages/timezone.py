"""The reader's time zone, from a cookie that the script sets; without it UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone

from flask import request

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.http.pages.i18n import tr

COOKIE = "utc_offset"
MAX_OFFSET = 14 * 60  # minutes

DATE, MINUTE, SECOND = len("2026-11-21"), len("2026-11-21T14:32"), len("2026-11-21T14:32:07")
SPAN = {DATE: timedelta(days=1), MINUTE: timedelta(minutes=1)}  # the length of the time that a text names


def offset() -> int:
    """The reader's time zone, in minutes east of Greenwich."""
    given = request.cookies.get(COOKIE, "")
    known = re.fullmatch(r"-?\d{1,3}", given) and abs(int(given)) <= MAX_OFFSET
    return int(given) if known else 0


def name(minutes: int) -> str:
    """The name of a time zone: UTC, UTC+8, UTC-3:30.  :param minutes: east of Greenwich."""
    hours, remainder = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "-"
    return f"UTC{sign}{hours}{f':{remainder:02d}' if remainder else ''}" if minutes else "UTC"


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
        at = at if at.tzinfo else at.replace(tzinfo=timezone(timedelta(minutes=offset())))
        return (at + (SPAN.get(len(text), timedelta()) if end else timedelta())).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(tr("requests.bad_time", field=field), param=field) from error


def as_field(moment: float) -> str:
    """The value for an <input type="datetime-local">, in the reader's time zone."""
    at = datetime.fromtimestamp(moment, UTC) + timedelta(minutes=offset())
    return at.strftime("%Y-%m-%dT%H:%M")
