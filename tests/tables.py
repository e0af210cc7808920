"""A table of rows is one test, where its rows can't disturb each other.

Thousands of rows as tests of their own cost more than what they test.  All rows are run whatever becomes of
those before them, and the failure names each row that failed.  `--each-row`, or the name of one row on the
command line (`FILE::TEST[ROW]`), makes each row a test of its own again, as pytest does.

A module says of its own fixtures which ones all rows may share (`ROWS_SHARE`, a set of names), and what makes
for each row a new value of others (`EACH_ROW`, functions by name).  A test that asks for anything else stays
as many tests as it has rows.
"""

import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import pytest
from integration.harness import new_mark

ROWS_SHARE = {"simulator", "bridge", "by_http", "any_bridge", "brisk_bridge", "golden", "certificate"}
EACH_ROW: dict[str, Callable[[], Any]] = {"mark": new_mark}

FAILURES = (Exception, pytest.fail.Exception)

Test = Callable[..., object]


@dataclass(frozen=True)
class Row:
    name: str
    values: dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--each-row", action="store_true", help="Make each row of a table a test of its own.")


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> Any:
    if not (name.startswith("test_") and inspect.isfunction(obj) and isinstance(collector, pytest.Module)):
        return None
    config = collector.config
    if config.getoption("each_row", default=False) or any("[" in arg for arg in config.args):
        return None
    test = one_test(obj, collector.obj)
    if test is None:
        return None
    setattr(collector.obj, name, test)  # pytest looks it up by its name
    return collector.ihook.pytest_pycollect_makeitem(collector=collector, name=name, obj=test)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name rows that are tests of their own by what they hold: `body12` would say nothing."""
    if not isinstance(val, dict | list | tuple):
        return None
    try:
        return json.dumps(val)[:60]
    except (TypeError, ValueError):  # an object, whose name may differ between the processes of a run
        return None


def one_test(test: Test, module: object) -> Test | None:
    """A test of all rows of the tables of this one; None: it has none, or its rows can't share a test."""
    marks = getattr(test, "pytestmark", [])
    tables = [mark for mark in marks if mark.name == "parametrize" and is_plain(mark)]
    rows = [joined(rows) for rows in itertools.product(*map(rows_of, tables))]
    if not tables or not rows:
        return None
    wanted = [
        parameter for parameter in inspect.signature(test).parameters if parameter not in rows[0].values
    ]
    each_row = EACH_ROW | getattr(module, "EACH_ROW", {})
    shared = [name for name in wanted if name not in each_row]
    if not ROWS_SHARE.union(getattr(module, "ROWS_SHARE", ())).issuperset(shared):
        return None
    makers = {name: each_row[name] for name in wanted if name in each_row}

    @wraps(test)
    def whole(**fixtures: Any) -> None:
        run_rows([partial(run_row, test, row, makers, fixtures) for row in rows])

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in shared]
    whole.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    whole.pytestmark = [mark for mark in marks if mark not in tables]  # type: ignore[attr-defined]
    return whole


def is_plain(table: pytest.Mark) -> bool:
    """Only names, values and ids; and no row has a mark of its own."""
    marked = any(getattr(row, "marks", ()) for row in table.args[1])
    return len(table.args) == 2 and table.kwargs.keys() <= {"ids"} and not marked


def rows_of(table: pytest.Mark) -> Iterator[Row]:
    names = table.args[0]
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    ids = table.kwargs.get("ids")
    for number, given in enumerate(table.args[1]):
        values: Sequence[Any] = getattr(given, "values", (given,)) if is_param(given) else (given,)
        if not is_param(given) and len(names) > 1:
            values = given
        yield Row(name_of(number, given, values, ids), dict(zip(names, values, strict=True)))


def is_param(given: object) -> bool:
    """What pytest.param() makes."""
    return isinstance(given, type(pytest.param()))


def name_of(number: int, given: Any, values: Sequence[Any], ids: Any) -> str:
    if is_param(given) and given.id is not None:
        return str(given.id)
    if callable(ids):
        return "-".join(str(ids(value)) for value in values)
    if ids is not None:
        return str(list(ids)[number])
    return f"{number}: {', '.join(repr(value)[:60] for value in values)}"


def joined(rows: Sequence[Row]) -> Row:
    """A row of several tables."""
    values: dict[str, Any] = {}
    for row in rows:
        values |= row.values
    return Row("; ".join(row.name for row in rows), values)


def run_row(test: Test, row: Row, makers: dict[str, Callable[[], Any]], fixtures: dict[str, Any]) -> None:
    own = {name: make() for name, make in makers.items()}
    try:
        test(**fixtures, **own, **row.values)
    except FAILURES as error:
        error.add_note(f"row {row.name}")
        raise


def run_rows(calls: Sequence[Callable[[], None]]) -> None:
    """Run all of them.

    :raises BaseExceptionGroup: with what each of those that failed has raised.
    """
    failures: list[BaseException] = []
    for call in calls:
        try:
            call()
        except FAILURES as error:
            if str(error).startswith("Timeout"):  # nobody would end the next one
                raise
            failures.append(error)
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {len(calls)} rows failed", failures)
