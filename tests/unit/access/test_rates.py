"""Parsing of rates and durations."""

import pytest

from copilot_bridge.access.rates import RateLimit, parse_duration


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30/minute", RateLimit(30, 60)),
        ("1/second", RateLimit(1, 1)),
        (" 5 per Seconds ", RateLimit(5, 1)),
        ("1000 / hour", RateLimit(1000, 3600)),
        ("7/d", RateLimit(7, 86_400)),
        ("2/days", RateLimit(2, 86_400)),
    ],
)
def test_rates_are_parsed(text, rate):
    assert RateLimit.parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "30", "30/", "/minute", "0/minute", "-1/s", "30/week", "a/minute", "1.5/s", "²/s"]
)
def test_malformed_rates_are_rejected(text):
    with pytest.raises(ValueError, match="like 30/minute"):
        RateLimit.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2_592_000), ("12 hours", 43_200), ("45m", 2700), ("1 day", 86_400), ("9s", 9)],
)
def test_durations_are_parsed(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "3w", "1d2h"])
def test_malformed_durations_are_rejected(text):
    with pytest.raises(ValueError, match="like 30d"):
        parse_duration(text)
