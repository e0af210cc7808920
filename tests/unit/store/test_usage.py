"""Sums by day, key and model; past days are read once."""

import time
from pathlib import Path

import pytest
from rows import fill, rows

from copilot_bridge.billing.usage import DAY, Sums
from copilot_bridge.store import open_store
from copilot_bridge.store.sqlite import SqliteTransaction

SUMS = ("requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost")


def sums_by(found: list[Sums], *names: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    sums: dict[tuple[str, ...], list[float]] = {}
    for row in found:
        known = sums.setdefault(tuple(row[name] for name in names), [0.0] * len(SUMS))
        for index, name in enumerate(SUMS):
            known[index] += row[name] or 0
    return {key: tuple(round(value, 4) for value in values) for key, values in sums.items()}


@pytest.mark.parametrize("offset", [0, 480, -210, 345])
@pytest.mark.parametrize("account", [None, "octo-work"])
def test_shares_agree_with_days_and_keys(tmp_path: Path, offset: int, account: str | None) -> None:
    store = fill(tmp_path, 600, days=5)
    since = time.time() - 3 * DAY
    for _ in range(2):  # the second time from memory
        shares = store.usage.shares(since, offset, account=account)
        days = store.usage.days(since, offset, account=account)
        assert sums_by(shares, "day", "model") == sums_by(days, "day", "model")
    if not offset % 60:
        first = time.time() - 6 * DAY
        whole = store.usage.shares(first, offset, account=account)
        assert sums_by(whole, "caller") == sums_by(store.usage.keys(first, account=account), "caller")
    store.close()


def test_past_days_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fill(tmp_path, 100, days=20)
    read, asked = SqliteTransaction.rows, []

    def counted(self: SqliteTransaction, sql: str, *values: object) -> list[tuple[object, ...]]:
        if "request_hours" in sql:
            asked.append(sql)
        return read(self, sql, *values)

    monkeypatch.setattr(SqliteTransaction, "rows", counted)
    since = time.time() - 19 * DAY
    first = store.usage.shares(since)
    assert len(asked) == 20
    assert store.usage.shares(since) == first
    assert len(asked) == 21
    store.usage.shares(since, account="octo-demo")
    assert len(asked) == 41
    store.close()


def test_today_is_read_each_time() -> None:
    store = open_store(Path(), persistent=False)
    assert store.usage.shares(time.time()) == []

    store.request_log.write(list(rows(3, days=0)))
    assert sum(share["requests"] for share in store.usage.shares(time.time() - DAY)) == 3
    store.close()
