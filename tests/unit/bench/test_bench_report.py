"""What the bench makes of its figures."""

import sys

import pytest

from bench.report import BASE, OURS, RIVAL, Goal, Row, number, read_json, table, write_json

NOTHING = number(None)

ROW = Row(
    "flat out",
    "CPU",
    {BASE: 1.0, RIVAL: 2.0, OURS: 6.0},
    {BASE: [1.0], RIVAL: [2.0, 4.0, 1.0], OURS: [6.0, 6.0, 6.0]},
    Goal(3, ratio=True),
)


def row(value, goal=None, quantity="CPU"):
    return Row("flat out", quantity, {OURS: value}, {OURS: [value]}, goal)


def test_the_ratio_is_that_of_neighbours_in_time():
    assert ROW.ratio() == 3  # of 3, 1.5 and 6; the ratio of the medians would be the same by chance only
    assert row(1).ratio() is None


@pytest.mark.parametrize(
    ("measured", "reached"),
    [
        (ROW, True),
        (row(3, Goal(3)), True),
        (row(3.1, Goal(3)), False),
        (row(3), None),
        (row(3, Goal(2, ratio=True)), None),
        (Row("flat out", "CPU", {RIVAL: 1.0}, {}, Goal(3)), None),
    ],
)
def test_a_goal_is_reached_or_not(measured, reached):
    assert measured.reached is reached


@pytest.mark.parametrize(
    ("value", "shown"), [(0.127, "0.13"), (12.34, "12.3"), (123.4, "123"), (12345, "12,345")]
)
def test_numbers_have_three_digits_or_so(value, shown):
    assert number(value) == shown


def cells_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_the_table_has_a_column_for_each_target():
    head, rule, first, second = cells_of(table([ROW, row(4, Goal(3), "RSS")]))
    assert head == [
        "scenario",
        "quantity",
        "direct",
        "nginx",
        "bridge",
        "bridge / nginx",
        "target",
        "reached",
    ]
    assert all(set(cell) <= {"-", ":"} for cell in rule)
    assert first == ["flat out", "CPU", "1.00", "2.00", "6.00", "3.00", str(ROW.goal), "yes"]
    assert second == ["flat out", "RSS", NOTHING, NOTHING, "4.00", NOTHING, "≤ 3", "NO"]


def test_an_earlier_run_stands_beside_it():
    head, _, first, second = cells_of(table([ROW, row(4, quantity="new")], [row(8), row(1, quantity="old")]))
    column = head.index("before")
    assert head[column : column + 3] == ["before", "now / before", "before / nginx"]
    assert first[column : column + 3] == ["8.00", "0.75", NOTHING]
    assert second[column : column + 3] == [NOTHING, NOTHING, NOTHING]


def test_a_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "new" / "results.json"
    write_json(path, [ROW, row(1)], {"cores": 2})
    assert read_json(path) == ([ROW, row(1)], {"cores": 2})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bench needs Linux")
def test_output_of_system_tools_is_read():
    from bench.processes import read_count
    from bench.scenarios.startup import STANDARD, read_import_times

    assert read_count("1234,,instructions:u,99,100.00,,\n") == 1234
    assert read_count("<not supported>,,instructions:u,0,100.00,,\n") is None
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       150 |        150 |   json.decoder\n"
        "import time:        50 |        200 | json\n"
        "import time:       300 |        700 | gevent.hub\n"
    )
    assert read_import_times(report) == {STANDARD: 200, "gevent": 300}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bench needs Linux")
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": [{}]}'])
def test_a_file_without_results_is_refused(content, tmp_path, capsys):
    from bench.__main__ import main

    path = tmp_path / "base.json"
    path.write_text(content)
    assert main(["--base", str(path)]) == 2
    assert "no results of the bench" in capsys.readouterr().err
