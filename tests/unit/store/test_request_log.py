"""The request log as a file, and what may be asked of it."""

import csv
import io
import json
import tracemalloc

import pytest

from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.errors import KINDS, InvalidRequest
from copilot_bridge.store import open_store
from copilot_bridge.store.request_log import (
    ALL_REQUESTS,
    COLUMNS,
    GROUPS,
    Filter,
    RequestLogRow,
    cursor_of,
    read_cursor,
)
from copilot_bridge.web.export import as_csv, as_json


def row(key, **values):
    return RequestLogRow(**{"id": key, "at": 1_700_000_000.25} | values)


def read_csv(pieces):
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_an_export_is_a_formula(value):
    (found,) = read_csv(as_csv([row("a", model=value, error=value, cost=-0.5)]))
    assert (found["model"], found["error"]) == (f"'{value}", f"'{value}")
    assert found["cost"] == "-0.5"


@pytest.mark.parametrize("value", ['a,"b"', "a\nb", "ü, 中文", "a=b", ""])
def test_other_texts_are_exported_unchanged(value):
    rows = [row("a", error=value), row("b", error=value)]
    assert [each["error"] for each in read_csv(as_csv(rows))] == [value, value]
    assert [RequestLogRow(**each) for each in json.loads(b"".join(as_json(rows)))] == rows


def test_an_export_without_rows_has_its_header():
    assert b"".join(as_csv([])).decode().strip() == ",".join(("time", *COLUMNS))
    assert json.loads(b"".join(as_json([]))) == []


def test_an_export_has_readable_times():
    (found,) = read_csv(as_csv([row("a")]))
    assert (found["time"], found["at"]) == ("2023-11-14T22:13:20Z", "1700000000.25")


def test_an_export_takes_the_memory_of_one_batch():
    store = open_store(None, persistent=False)
    text = "x" * 500
    values = {"error": text, "model": text, "path": text}
    for start in range(0, 6_000, 1000):
        rows = [row(f"{start + number}", **values) for number in range(1000)]
        store.request_log.write(rows)
    tracemalloc.start()
    size = sum(map(len, as_csv(store.request_log.iterate())))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 9_000_000
    assert peak < 4_000_000
    store.close()


@pytest.mark.parametrize("status", ["", "4", "xx", "4xxx", "abc", "4x4", "٤٠٤", "-40"])
def test_a_filter_refuses_an_unknown_status(status):
    with pytest.raises(InvalidRequest, match="status"):
        list(Filter(status=status).terms())


def test_a_cursor_is_read_as_it_was_written():
    at = 1_700_000_000.123456
    assert read_cursor(cursor_of(row("a~b", at=at))) == (at, "a~b")
    with pytest.raises(InvalidRequest):
        read_cursor("x")


def test_every_kind_of_error_is_in_a_group():
    grouped = [kind for kinds in GROUPS.values() for kind in kinds]
    assert len(grouped) == len(set(grouped))
    assert KINDS.keys() - set(grouped) == {"internal"}
    assert not set(grouped) & set(SUCCESSES)


def test_rows_are_filtered_by_group_and_paged_in_both_directions():
    store = open_store(None, persistent=False)
    outcomes = ("ok", "timeout", "unreachable", "prompt_too_long", "interrupted", "ok", "client_disconnected")
    rows = [row(f"{index}", at=100.0 + index // 2, outcome=each) for index, each in enumerate(outcomes)]
    store.request_log.write(rows)

    def ids(wanted=ALL_REQUESTS, **page):
        return "".join(each.id for each in store.request_log.page(wanted, **page))

    assert ids(Filter(outcome="upstream")) == "21"
    assert ids(Filter(outcome="broken")) == "4"
    assert ids(Filter(outcome="error")) == "4321"
    assert ids(limit=3) == "654"
    assert ids(before=(102.0, "4"), limit=3) == "321"
    assert ids(after=(101.0, "2"), limit=3) == "543"
    assert ids(Filter(outcome="ok"), after=(100.0, "0")) == "5"
