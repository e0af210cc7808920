"""The numbers of a stacked chart."""

import pytest

from copilot_bridge.http.pages.charts import HEIGHT, OTHERS, nice, stacked


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 1), (0.004, 0.01), (0.3, 0.3), (0.7, 0.8), (1, 1), (3, 3), (7, 8), (12, 15), (99, 100), (310, 400)],
)
def test_round_numbers_at_the_top(value: float, expected: float) -> None:
    assert nice(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", [1.01, 9.99, 10.5, 1234, 5e6, 123456789.1])
def test_no_bar_is_higher_than_the_drawing(value: float) -> None:
    assert value <= nice(value) <= 2 * value


def test_the_largest_series_is_at_the_ground() -> None:
    chart = stacked(["mon", "tue"], {"mon": {"a": 1.0, "b": 3.0}, "tue": {"a": 4.0}})
    assert [(name, total, colour) for name, total, colour in chart.series] == [("a", 5.0, 0), ("b", 3.0, 1)]
    assert (chart.top, chart.total) == (4.0, 8.0)
    monday, tuesday = chart.bars
    assert [(piece.series, piece.y, piece.height) for piece in monday.pieces] == [(0, 75, 25), (1, 0, 75)]
    assert [(piece.series, piece.y, piece.height) for piece in tuesday.pieces] == [(0, 0, HEIGHT)]
    assert monday.parts == (("b", 3.0), ("a", 1.0))
    assert monday.x + monday.width < tuesday.x < tuesday.x + tuesday.width <= 100


def test_those_without_a_colour_of_their_own_are_one() -> None:
    chart = stacked(["day"], {"day": {f"model-{index}": 10.0 - index for index in range(9)}})
    assert [colour for _, _, colour in chart.series] == [0, 1, 2, 3, 4, 5, OTHERS, OTHERS, OTHERS]
    assert len(chart.bars[0].pieces) == OTHERS + 1
    assert sum(piece.height for piece in chart.bars[0].pieces) == pytest.approx(
        100 * chart.total / chart.top, abs=0.1
    )


def test_days_without_anything_have_their_place() -> None:
    chart = stacked(["a", "b", "c"], {"b": {"model": 0.0}})
    assert [bar.total for bar in chart.bars] == [0, 0, 0]
    assert [bar.pieces for bar in chart.bars] == [(), (), ()]
    assert chart.series == ()
    assert chart.labels == ("a", "b", "c")
