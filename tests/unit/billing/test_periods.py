"""The periods of budgets begin and end at midnight UTC, or when the plan's allowance is renewed."""

from datetime import UTC, datetime

import pytest

from copilot_bridge.billing.periods import Period, period_at, unix_time


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


CASES = [
    ("day", "2026-11-30T23:59:59", None, "2026-11-30", "2026-12-01"),
    ("week", "2026-11-29T12:00:00", None, "2026-11-23", "2026-11-30"),  # a Sunday
    ("week", "2026-11-30T00:00:00", None, "2026-11-30", "2026-12-07"),
    ("month", "2026-12-31T23:00:00", None, "2026-12-01", "2027-01-01"),
    ("period", "2026-11-15T00:00:00", None, "2026-11-01", "2026-12-01"),
    ("period", "2026-11-15T00:00:00", "2026-12-01", "2026-11-01", "2026-12-01"),
    ("period", "2026-11-02T00:00:00", "2026-11-03", "2026-10-03", "2026-11-03"),
    ("period", "2026-11-03T00:00:00", "2026-11-03", "2026-11-03", "2026-12-03"),
    ("period", "2026-11-15T00:00:00", "2026-08-31", "2026-10-31", "2026-11-30"),
    ("period", "2027-03-01T00:00:00", "2026-12-31", "2027-02-28", "2027-03-31"),
]


@pytest.mark.parametrize(("name", "now", "reset", "start", "end"), CASES)
def test_a_moment_belongs_to_one_period(name, now, reset, start, end):
    assert period_at(name, at(now), at(reset) if reset else None) == Period(int(at(start)), int(at(end)))


def test_a_time_is_read_in_each_form_in_which_github_writes_it():
    assert unix_time("2026-12-01") == unix_time("2026-12-01T00:00:00.000Z") == at("2026-12-01")
    assert unix_time("2026-12-01T02:00:00+02:00") == at("2026-12-01")
    assert unix_time("soon") is unix_time("") is unix_time(None) is None
