"""Numbers as people read them."""

import pytest
from flask import Flask

from copilot_bridge.http.pages.numbers import dollars, seconds, short


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (None, "?", "?"),
        (0, "0", "0"),
        (0.0372, "0.037", "0.037"),
        (0.33, "0.33", "0.33"),
        (4.25, "4.2", "4.2"),
        (89.1, "89.1", "89.1"),
        (760.98, "761", "761"),
        (9876, "9,876", "9,876"),
        (12_345, "12.3 k", "1.2 万"),
        (380_000_000, "380 M", "3.8 亿"),
        (1_300_000_000, "1.3 B", "13 亿"),
    ],
)
def test_numbers_are_shortened_in_the_readers_language(
    value: float | None, english: str, chinese: str
) -> None:
    for language, expected in (("en", english), ("zh-CN", chinese)):
        with Flask("test").test_request_context(headers={"Accept-Language": language}):
            assert short(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "?"),
        (0, "US$ 0.00"),
        (0.00003, "< US$ 0.0001"),
        (0.00075, "US$ 0.0008"),
        (0.5, "US$ 0.50"),
        (26.474, "US$ 26.47"),
        (3638.2, "US$ 3,638"),
    ],
)
def test_dollars_have_as_many_digits_as_matter(value: float | None, expected: str) -> None:
    assert dollars(value) == expected


def test_durations_are_shown_in_ms_or_s() -> None:
    assert [seconds(ms) for ms in (None, 4, 1234, 15_900)] == ["?", "4 ms", "1.23 s", "15.9 s"]
