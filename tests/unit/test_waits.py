"""Times to wait that a server sends are read where possible, and always bounded."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.waits import (
    DEFAULT_WAIT,
    MAX_CREDIBLE_WAIT,
    MAX_WAIT,
    Wait,
    format_duration,
    read_sentence,
    retry_after,
    retry_after_header,
)

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
        ("9" * 400, MAX_WAIT),
        ("9" * 400 + ".5", MAX_WAIT),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120.0),
        ("Sat, 21 Nov 2026 12:02:00 -0000", 120.0),
        ("Sat, 21 Nov 2026 13:02:00 +0100", 120.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Saturday, 21-Nov-26 12:02:00 GMT", 120.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_WAIT),
        ("Fri, 31 Dec 99999 23:59:59 GMT", DEFAULT_WAIT),
        ("Sat, 99 Nov 2026 12:02:00 GMT", DEFAULT_WAIT),
        ("2026-11-21T12:02:00Z", DEFAULT_WAIT),
        ("soon", DEFAULT_WAIT),
        ("-5", DEFAULT_WAIT),
        ("12 s", DEFAULT_WAIT),
        ("1e9", DEFAULT_WAIT),
        ("inf", DEFAULT_WAIT),
        ("nan", DEFAULT_WAIT),
        ("\N{ARABIC-INDIC DIGIT THREE}", DEFAULT_WAIT),
        ("", None),
    ],
)
def test_the_wait_is_read_from_headers(value, seconds):
    """A date is read by the clock of who sent it."""
    assert retry_after({"Retry-After": value, "Date": DATE}) == seconds


@given(st.text() | st.text("0123456789 :,-+GMTNovSat", max_size=40))
def test_any_retry_after_is_bounded(value):
    seconds = retry_after({"retry-after": value, "x-ratelimit-reset": value}, value)
    assert seconds is None or 0 <= seconds <= MAX_CREDIBLE_WAIT
    assert all(value.isdecimal() for value in retry_after_header(seconds).values())


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (str(int(NOW) + 60), 60.0),
        (str(int(NOW) - 60), 1.0),
        ("9" * 400, MAX_WAIT),
        ("soon", None),
        ("", None),
    ],
)
def test_the_reset_of_a_limit_becomes_a_wait(reset, seconds):
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
        (f"retry after {'9' * 400} seconds", MAX_WAIT),
        ("Please wait a moment", None),
        ("Please try again later. There are 5 models.", None),
        ("Please try again in 1 month", None),
        ("it took 5 seconds", None),
        ("", None),
    ],
)
def test_the_wait_is_read_from_a_sentence(text, seconds):
    assert read_sentence(text) == seconds


def test_a_clock_that_is_set_back_ends_a_wait():
    """A reset further ahead than the limit's own length is not believed."""
    wait = Wait.of(10.0, 1000.0)
    assert [wait.remaining(now) for now in (1000.0, 1004.0, 1010.0, 5000.0)] == [10.0, 6.0, 0.0, 0.0]
    assert wait.remaining(999.5) == 10.5
    assert wait.remaining(990.0) == 0.0
    assert wait.remaining(-4000.0) == 0.0
    assert Wait.of(1e300, 0.0).remaining(0.0) == MAX_WAIT
    assert Wait(0.0, 1e300).remaining(time.time()) == 0.0


def test_durations_are_shown_in_short():
    durations = [format_duration(seconds) for seconds in (0.2, 45, 99.5, 700, 7200, 7205)]
    assert durations == ["1 s", "45 s", "100 s", "12 min", "2 h", "2 h 1 min"]
