"""Whatever a server tells of the time to wait: read if it can be, and always bounded."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.waits import BELIEVED, LONGEST, UNREADABLE, Wait, header, in_short, in_words, retry_after

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        (" 17 ", 17.0),
        ("1.5", 1.5),
        ("1000000", 1_000_000.0),
        ("9" * 400, LONGEST),
        ("9" * 400 + ".5", LONGEST),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120.0),
        ("Sat, 21 Nov 2026 12:02:00 -0000", 120.0),
        ("Sat, 21 Nov 2026 13:02:00 +0100", 120.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Saturday, 21-Nov-26 12:02:00 GMT", 120.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Fri, 31 Dec 99999 23:59:59 GMT", UNREADABLE),
        ("Sat, 99 Nov 2026 12:02:00 GMT", UNREADABLE),
        ("2026-11-21T12:02:00Z", UNREADABLE),
        ("soon", UNREADABLE),
        ("-5", UNREADABLE),
        ("12 s", UNREADABLE),
        ("1e9", UNREADABLE),
        ("inf", UNREADABLE),
        ("nan", UNREADABLE),
        ("\N{ARABIC-INDIC DIGIT THREE}", UNREADABLE),
        ("", None),
    ],
)
def test_retry_after(value, seconds):
    """A date is read by the clock of who sent it."""
    assert retry_after({"Retry-After": value, "Date": DATE}) == seconds


@given(st.text() | st.text("0123456789 :,-+GMTNovSat", max_size=40))
def test_any_retry_after_is_bounded(value):
    seconds = retry_after({"retry-after": value, "x-ratelimit-reset": value}, value)
    assert seconds is None or 0 <= seconds <= BELIEVED
    assert all(each.isdecimal() for each in header(seconds).values())


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [(str(int(NOW) + 60), 60.0), (str(int(NOW) - 60), 1.0), ("9" * 400, LONGEST), ("soon", None), ("", None)],
)
def test_the_reset_of_a_limit(reset, seconds):
    assert retry_after({"x-ratelimit-reset": reset, "date": DATE}, "") == seconds
    assert retry_after({"x-ratelimit-reset": reset, "date": DATE}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please retry after 2733 seconds.", 2733.0),
        ("Rate limit reached. Please try again in 1m12.5s.", 72.5),
        ("try again in 450ms", 0.45),
        ("You have to wait 2 hours and 5 minutes", 7500.0),
        ("Retry in about 3 days, or upgrade", 259_200.0),
        (f"retry after {'9' * 400} seconds", LONGEST),
        ("Please wait a moment", None),
        ("Please try again later. There are 5 models.", None),
        ("Please try again in 1 month", None),
        ("it took 5 seconds", None),
        ("", None),
    ],
)
def test_times_in_words(text, seconds):
    assert in_words(text) == seconds


def test_a_clock_that_is_set_back_ends_a_wait():
    """What lies further ahead than its own length is not believed."""
    wait = Wait.of(10.0, 1000.0)
    assert [wait.left(now) for now in (1000.0, 1004.0, 1010.0, 5000.0)] == [10.0, 6.0, 0.0, 0.0]
    assert wait.left(999.5) == 10.5
    assert wait.left(990.0) == 0.0
    assert wait.left(-4000.0) == 0.0
    assert Wait.of(1e300, 0.0).left(0.0) == LONGEST
    assert Wait(0.0, 1e300).left(time.time()) == 0.0


def test_in_short():
    said = [in_short(each) for each in (0.2, 45, 99.5, 700, 7200, 7205)]
    assert said == ["1 s", "45 s", "100 s", "12 min", "2 h", "2 h 1 min"]
