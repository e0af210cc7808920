"""The reader's time zone, from the script's cookie."""

from itertools import pairwise
from urllib.parse import quote

import pytest
from flask import Flask

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.http.pages import timezone

NOON = 1_795_262_400  # 2026-11-21T12:00:00Z
DAY = 86_400


def request_with(cookie: str):
    headers = {"Cookie": f"time_zone={quote(cookie)}"} if cookie else {}
    return Flask("test").test_request_context(headers=headers)


@pytest.mark.parametrize(
    ("cookie", "name", "hours"),
    [
        ("", "UTC", 0),
        ("Asia/Shanghai|480", "Asia/Shanghai", 8),
        ("Europe/Berlin|120", "Europe/Berlin", 1),  # the zone knows the date, the browser's offset is today's
        ("Nowhere/Land|-210", "UTC-03:30", -3.5),
        ("Nowhere/Land|900", "UTC", 0),
        ("../../etc/passwd|60", "UTC", 0),
        ("480", "UTC", 0),
    ],
)
def test_the_zone_is_read_from_the_cookie(cookie: str, name: str, hours: float) -> None:
    with request_with(cookie):
        assert timezone.name() == name
        offset = timezone.local(NOON).utcoffset()
        assert offset is not None
        assert offset.total_seconds() == hours * 3600


def test_days_are_those_of_the_calendar_across_a_change_of_the_clocks() -> None:
    """In 2026 Berlin's clocks go back on 25 October."""
    with request_with("Europe/Berlin|120"):
        first = timezone.read_moment("2026-10-24", "from")
        found = timezone.midnights(first, first + 3 * DAY)
        assert [after - before for before, after in pairwise(found)] == [DAY, DAY + 3600, DAY]
        assert [timezone.as_field(midnight)[-5:] for midnight in found] == ["00:00"] * 4


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-11-21T20:00", False, NOON),
        ("2026-11-21T20:00", True, NOON + 60),
        ("2026-11-21T20:00:00", True, NOON),
        ("2026-11-21", False, NOON - 20 * 3600),
        ("2026-11-21", True, NOON + 4 * 3600),
        ("2026-11-21T12:00:00Z", False, NOON),
        ("2026-11-21T13:00:00+01:00", False, NOON),
        (str(NOON), True, NOON),
        (f"{NOON}.5", False, NOON + 0.5),
    ],
)
def test_moments_are_read_in_the_readers_zone(text: str, end: bool, expected: float) -> None:
    with request_with("Asia/Shanghai|480"):
        assert timezone.read_moment(text, "from", end=end) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "12", "9999-12-31"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with request_with("Asia/Shanghai|480"), pytest.raises(InvalidRequest, match="from: expected a time"):
        timezone.read_moment(text, "from", end=True)


def test_a_moment_survives_the_way_through_the_form() -> None:
    with request_with("America/St_Johns|-210"):
        assert timezone.as_field(NOON) == "2026-11-21T08:30"
        assert timezone.read_moment(timezone.as_field(NOON), "to") == NOON
