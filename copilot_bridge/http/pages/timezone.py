"""What time it is for the reader: the script puts it into a cookie, for a browser does not say; else UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone

from flask import request

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.http.pages.i18n import tr

COOKIE = "utc_offset"
FARTHEST = 14 * 60  # minutes

DATE, MINUTE, SECOND = len("2026-11-21"), len("2026-11-21T14:32"), len("2026-11-21T14:32:07")
SPAN = {DATE: timedelta(days=1), MINUTE: timedelta(minutes=1)}  # that a moment stands for


def offset() -> int:
    """Minutes east of Greenwich."""
    given = request.cookies.get(COOKIE, "")
    known = re.fullmatch(r"-?\d{1,3}", given) and abs(int(given)) <= FARTHEST
    return int(given) if known else 0


def name(minutes: int) -> str:
    """UTC, UTC+8, UTC-3:30"""
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "-"
    return f"UTC{sign}{hours}{f':{rest:02d}' if rest else ''}" if minutes else "UTC"


def read_moment(text: str, field: str, *, end: bool = False) -> float:
    """Unix seconds of "2026-11-21", "2026-11-21T14:32" in the reader's zone, of such a text with a zone of
    its own, or of unix seconds.  Raises InvalidRequest.

    :param end: of that day or minute.
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
    """For an <input type="datetime-local">, in the reader's zone."""
    at = datetime.fromtimestamp(moment, UTC) + timedelta(minutes=offset())
    return at.strftime("%Y-%m-%dT%H:%M")
