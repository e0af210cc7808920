"""The reader's time zone, from the script's cookie."""

import pytest
from flask import Flask

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.http.pages import timezone

NOON = 1_795_262_400  # 2026-11-21T12:00:00Z


def request_with(cookie: str):
    headers = {"Cookie": f"utc_offset={cookie}"} if cookie else {}
    return Flask("test").test_request_context(headers=headers)


@pytest.mark.parametrize(
    ("cookie", "minutes"),
    [("", 0), ("480", 480), ("-210", -210), ("840", 840), ("841", 0), ("1e3", 0), ("x", 0), ("99999", 0)],
)
def test_the_offset_is_read_from_the_cookie(cookie: str, minutes: int) -> None:
    with request_with(cookie):
        assert timezone.offset() == minutes


def test_names() -> None:
    assert [timezone.name(offset) for offset in (0, 480, 330, -210)] == [
        "UTC",
        "UTC+8",
        "UTC+5:30",
        "UTC-3:30",
    ]


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
def test_moments(text: str, end: bool, expected: float) -> None:
    with request_with("480"):
        assert timezone.read_moment(text, "from", end=end) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "12", "9999-12-31"])
def test_invalid_times_are_refused(text: str) -> None:
    with request_with("480"), pytest.raises(InvalidRequest, match="from: expected a time"):
        timezone.read_moment(text, "from", end=True)


def test_back_into_the_form() -> None:
    with request_with("-210"):
        assert timezone.as_field(NOON) == "2026-11-21T08:30"
        assert timezone.read_moment(timezone.as_field(NOON), "to") == NOON
