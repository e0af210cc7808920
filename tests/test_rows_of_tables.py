"""A table as one test: all rows run, those that failed are named; who needs tests of their own keeps them."""

from pathlib import Path

import pytest
from tables import one_test, pytest_make_parametrize_id


def test_all_rows_run_and_those_that_failed_are_named() -> None:
    seen = []

    @pytest.mark.parametrize("b", "xy")
    @pytest.mark.parametrize("a", [1, pytest.param(2, id="two")])
    def test(a: int, b: str, mark: str) -> None:
        seen.append((a, b, mark))
        assert a == 1
        if b == "y":
            pytest.fail("it does")

    whole = one_test(test, object())
    assert whole is not None
    with pytest.raises(BaseExceptionGroup, match="3 of 4 rows failed") as caught:
        whole()
    assert [row[:2] for row in seen] == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
    assert len({mark for *_, mark in seen}) == 4
    notes = [error.__notes__ for error in caught.value.exceptions]
    assert notes == [["row 0: 1; 1: 'y'"], ["row two; 0: 'x'"], ["row two; 1: 'y'"]]


def test_a_row_that_takes_too_long_is_the_last_one() -> None:
    @pytest.mark.parametrize("row", [1, 2])
    def test(row: int) -> None:
        pytest.fail(f"Timeout (>{row}s) from pytest-timeout.")

    whole = one_test(test, object())
    assert whole is not None
    with pytest.raises(pytest.fail.Exception, match=">1s"):
        whole()


def test_rows_that_can_not_share_stay_tests_of_their_own() -> None:
    def asks_for_a_folder(row: int, tmp_path: Path) -> None: ...

    def has_a_row_with_a_mark(row: int) -> None: ...

    def has_no_table() -> None: ...

    rows = pytest.mark.parametrize("row", [1, 2])
    skipped = pytest.mark.parametrize("row", [1, pytest.param(2, marks=pytest.mark.skip)])
    for test in (rows(asks_for_a_folder), skipped(has_a_row_with_a_mark), has_no_table):
        assert one_test(test, object()) is None


def test_a_row_of_its_own_is_named_by_what_it_holds() -> None:
    assert pytest_make_parametrize_id({"a": [1, None]}) == '{"a": [1, null]}'
    assert len(pytest_make_parametrize_id(["long"] * 100) or "") == 60
    assert pytest_make_parametrize_id([object()]) is None
    assert pytest_make_parametrize_id("said by pytest") is None
