"""The numbers of a stacked chart."""

import pytest

from copilot_bridge.http.pages.charts import nice, sparkline, stacked
from copilot_bridge.http.pages.colours import SLOTS, distinct
from copilot_bridge.http.pages.usage_sums import MAX_SERIES


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 1), (0.004, 0.01), (0.3, 0.3), (0.7, 0.8), (1, 1), (3, 3), (7, 8), (12, 15), (99, 100), (310, 400)],
)
def test_a_chart_ends_at_a_round_number(value: float, expected: float) -> None:
    assert nice(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", [1.01, 9.99, 10.5, 1234, 5e6, 123456789.1])
def test_no_bar_is_higher_than_the_drawing(value: float) -> None:
    assert value <= nice(value) <= 2 * value


def test_the_largest_series_is_at_the_ground() -> None:
    chart = stacked([1, 2], [{"a": 1.0, "b": 3.0}, {"a": 4.0}], {"a": 5, "b": 2})
    assert chart.series == (("a", 5.0, 5), ("b", 3.0, 2))
    assert (chart.top, chart.total) == (4.0, 8.0)
    first, second = chart.bars
    assert [(piece.colour, piece.y + piece.height) for piece in first.pieces] == [(5, 100), (2, 75)]
    assert [(piece.colour, piece.y + piece.height) for piece in second.pieces] == [(5, 100)]
    assert first.parts == (("b", 3.0), ("a", 1.0))
    assert first.x + first.width < second.x < second.x + second.width <= 100


def test_bars_without_anything_have_their_place() -> None:
    chart = stacked([1, 2, 3], [{}, {"model": 0.0}, {}], {"model": 0})
    assert [(bar.total, bar.pieces) for bar in chart.bars] == [(0, ()), (0, ()), (0, ())]
    assert chart.series == ()


def test_there_is_room_for_the_labels() -> None:
    bars = stacked(range(30), [{}] * 30, {}).bars
    labelled = [bar.key for bar in bars if bar.labelled]
    assert 5 <= len(labelled) <= 7
    assert labelled[-1] == 29


def test_a_sparkline_shows_errors_within_requests() -> None:
    spark = sparkline([0, 3600, 7200], [4, 8], [1, 0])
    assert (spark.top, spark.total) == (8, 12)
    assert [(bar[3], bar[4]) for bar in spark.bars] == [(50, 12.5), (100, 0)]


def test_no_two_conversations_of_a_chart_share_a_colour() -> None:
    for number in range(50):
        names = [f"talk-{number}-{index}" for index in range(MAX_SERIES)]
        assert len({*distinct(names).values()}) == MAX_SERIES
    assert {*distinct(f"talk-{index}" for index in range(SLOTS + 3)).values()} == {*range(SLOTS)}
