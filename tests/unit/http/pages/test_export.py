"""The request log as a file: safe in a spreadsheet, complete, and written in batches."""

import csv
import io
import json
import tracemalloc

import pytest

from copilot_bridge.http.pages.export import FORMER_NAMES, as_csv, as_json
from copilot_bridge.store import open_store
from copilot_bridge.store.logged_request import COLUMNS, RequestLogRow


def row(key, **values):
    return RequestLogRow(**{"id": key, "at": 1_700_000_000.25} | values)


def read_csv(pieces):
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))


def stored(fields):
    return RequestLogRow(**{name: value for name, value in fields.items() if name not in FORMER_NAMES})


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_an_export_is_a_formula(value):
    (found,) = read_csv(as_csv([row("a", model=value, error=value, cost=-0.5)]))
    assert (found["model"], found["error"]) == (f"'{value}", f"'{value}")
    assert found["cost"] == "-0.5"


@pytest.mark.parametrize("value", ['a,"b"', "a\nb", "ü, 中文", "a=b", ""])
def test_other_texts_are_exported_unchanged(value):
    rows = [row("a", error=value), row("b", error=value)]
    assert [row["error"] for row in read_csv(as_csv(rows))] == [value, value]
    assert [stored(row) for row in json.loads(b"".join(as_json(rows)))] == rows


def test_an_export_without_rows_has_its_header():
    assert b"".join(as_csv([])).decode().strip() == ",".join(("time", *COLUMNS, *FORMER_NAMES))
    assert json.loads(b"".join(as_json([]))) == []


def test_columns_are_exported_under_their_former_names_too():
    changed = row("a", adaptations="temperature")
    (found,) = read_csv(as_csv([changed]))
    (fields,) = json.loads(b"".join(as_json([changed])))
    assert found["mended"] == fields["mended"] == "temperature"


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
