"""The sums of a month by key, model and the rest; past hours are read once."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from rows import fill, rows

from copilot_bridge.billing.usage import DAY, midnight
from copilot_bridge.http.pages.usage_query import SORTS
from copilot_bridge.http.pages.usage_sums import METRICS, sort_value, summed
from copilot_bridge.store import open_store, rollups
from copilot_bridge.store.database import Transaction
from copilot_bridge.store.request_log import LogFilter, LogSums
from copilot_bridge.store.rollups import ORDERS
from copilot_bridge.store.sqlite import SqliteTransaction

HALF_PAST = 1800  # seconds


@pytest.fixture(scope="module", params=["up to date", "half way", "not begun"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """With sums that have followed the log that far."""
    store = fill(tmp_path_factory.mktemp("usage"), 600, days=5)
    if request.param != "up to date":
        store.database.run(forget_sums)
    if request.param == "half way":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rollups, "BATCH_SIZE", 300)
            assert store.request_log.roll_up(), "there is more"
    yield store
    store.close()


@pytest.mark.parametrize("shift", [0, HALF_PAST])
@pytest.mark.parametrize("by", ["model", "caller", "account", "client", "session"])
@pytest.mark.parametrize("wanted", [{}, {"account": "octo-work"}, {"client": "codex"}])
def test_spans_agree_with_the_rows(store, shift: int, by: str, wanted: dict[str, str]) -> None:
    first = midnight(time.time(), 0) - 3 * DAY + shift
    edges = [first, first + DAY, first + 2 * DAY]
    known = [
        row for row in rows(600, days=5) if all(getattr(row, name) == value for name, value in wanted.items())
    ]
    for _ in range(2):  # the second time from memory
        found = store.usage.spans(edges, (by,), wanted)
        for (start, end), span in zip(pairwise(edges), found, strict=True):
            within = [row for row in known if start <= row.at < end]
            for (name,), sums in span.items():
                mine = [row for row in within if name_of(row, by) == name]
                assert sums["requests"] == len(mine)
                assert sums["tokens_in"] == sum(row.tokens_in or 0 for row in mine)
                assert sums["nano_cents"] == LogSums.of(mine).nano_cents
            assert sum(sums["requests"] for sums in span.values()) == len(within)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("by", ["session", "client", "model"])
@pytest.mark.parametrize("wanted", [{}, {"caller": "key:laptop"}, {"model": "gpt-4.1"}])
def test_the_largest_are_those_of_all_sums(store, by: str, order: str, wanted: dict[str, str]) -> None:
    end = int(time.time()) - DAY
    span = (end - 2 * DAY - HALF_PAST, end)
    (sums,) = store.usage.spans(span, (by,), wanted)
    names = sorted((name for (name,) in sums), key=lambda name: (-sort_value(sums[name,], order), name))
    assert len(names) > 1 or by in wanted
    assert store.usage.largest(span, by, order, 3, wanted) == (names[:3], len(names))
    (some,) = store.usage.spans(span, (by,), {**wanted, by: tuple(names[:2])})
    assert some == {(name,): sums[name,] for name in names[:2]}


def test_the_pages_orders_are_known() -> None:
    assert {*METRICS, *SORTS} == {*ORDERS}


def forget_sums(transaction: Transaction) -> None:
    for rollup in rollups.FOLLOWING:
        transaction.change(f"DELETE FROM {rollup.table}")
    transaction.change("UPDATE rollup_progress SET written = 0")


def fields_of(row) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("account", "client")}


def name_of(row, by: str) -> str:
    return "" if by == "model" and not row.upstream else getattr(row, by) or ""


def test_sums_of_all_are_those_of_their_groups(store) -> None:
    first = midnight(time.time(), 0) - 3 * DAY + HALF_PAST
    edges = [first, first + DAY, first + 2 * DAY]
    for wanted in ({}, {"client": "codex"}):
        assert store.usage.spans([first - 40 * DAY, first - 20 * DAY], (), wanted) == [{}]
        wholes = store.usage.spans(edges, (), wanted)
        for whole, groups in zip(wholes, store.usage.spans(edges, ("model",), wanted), strict=True):
            assert whole[()] == pytest.approx(summed(groups.values()) | {"cost": whole[()]["cost"]})


def test_hours_are_summed_up(store) -> None:
    start = int(time.time()) // 3600 * 3600 - 6 * 3600
    (span,) = store.usage.spans([start, start + 6 * 3600], ("hour",))
    assert {int(hour) for (hour,) in span} <= {*range(start, start + 6 * 3600, 3600)}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"outcome": "error"},
        {"client": "codex"},
        {"initiator": "user"},
        {"text": "No Byte"},
        {"text": "00000001-"},
    ],
)
def test_the_sums_of_a_filter(store, wanted: dict[str, str]) -> None:
    chosen = LogFilter(**wanted)
    found = store.request_log.page(chosen, limit=1000)
    assert found
    assert store.request_log.sums(chosen) == LogSums.of(found)


def test_a_text_means_itself(store) -> None:
    assert store.request_log.page(LogFilter(text="%")) == []
    assert store.request_log.page(LogFilter(text="_")) == [
        row for row in store.request_log.page(LogFilter(outcome="error")) if "_" in (row.error or "")
    ]


def test_conversations_have_their_sums_and_neighbours(store) -> None:
    latest, *_ = store.request_log.conversations(LogFilter())
    mine = store.request_log.page(LogFilter(session=latest.session))
    assert latest.sums == LogSums.of(mine)
    assert (latest.first, latest.last) == (mine[-1].at, mine[0].at)
    assert store.request_log.neighbours(mine[1]) == (mine[2].id, mine[0].id)
    assert store.request_log.neighbours(mine[0])[1] is None


def test_past_days_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fill(tmp_path, 100, days=20)
    read, asked = SqliteTransaction.rows, []

    def counted(self: SqliteTransaction, sql: str, *values: object) -> list[tuple[object, ...]]:
        if "request_hours" in sql:
            asked.append(sql)
        return read(self, sql, *values)

    monkeypatch.setattr(SqliteTransaction, "rows", counted)
    today = midnight(time.time(), 0)
    edges = [today + day * DAY for day in range(-19, 2)]
    first = store.usage.spans(edges, ("model",))
    assert len(asked) == 20
    assert store.usage.spans(edges, ("model",)) == first
    assert len(asked) == 21
    store.usage.spans(edges, ("model",), {"account": "octo-demo"})
    assert len(asked) == 41
    store.close()


def test_today_is_read_each_time() -> None:
    store = open_store(Path(), persistent=False)
    span = [int(time.time()) - DAY, int(time.time()) + DAY]
    assert store.usage.spans(span, ("model",)) == [{}]
    store.request_log.write(list(rows(3, days=0)))
    (found,) = store.usage.spans(span, ("model",))
    assert sum(share["requests"] for share in found.values()) == 3
    store.close()
