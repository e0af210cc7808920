"""The request log: filters, cursors and pages."""

import pytest

from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.errors import KINDS, InvalidRequest
from copilot_bridge.store import open_store, schema
from copilot_bridge.store.log_filter import ALL_REQUESTS, GROUPS, LogFilter, cursor_of, read_cursor
from copilot_bridge.store.logged_request import RequestLogRow


def row(key, **values):
    return RequestLogRow(**{"id": key, "at": 1_700_000_000.25} | values)


@pytest.mark.parametrize("status", ["", "4", "xx", "4xxx", "abc", "4x4", "٤٠٤", "-40"])
def test_a_filter_refuses_an_unknown_status(status):
    with pytest.raises(InvalidRequest, match="status"):
        list(LogFilter(status=status).terms())


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
    rows = [row(f"{index}", at=100.0 + index // 2, outcome=outcome) for index, outcome in enumerate(outcomes)]
    store.request_log.write(rows)

    def ids(wanted=ALL_REQUESTS, **page):
        return "".join(row.id for row in store.request_log.page(wanted, **page))

    assert ids(LogFilter(outcome="upstream")) == "21"
    assert ids(LogFilter(outcome="broken")) == "4"
    assert ids(LogFilter(outcome="error")) == "4321"
    assert ids(limit=3) == "654"
    assert ids(before=(102.0, "4"), limit=3) == "321"
    assert ids(after=(101.0, "2"), limit=3) == "543"
    assert ids(LogFilter(outcome="ok"), after=(100.0, "0")) == "5"


def test_rows_of_the_first_release_count_with_newer_ones(tmp_path, monkeypatch):
    """Their costs are fractions; from the second release on they are whole nano-units."""
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
    old = open_store(tmp_path)

    def put(transaction):
        values = ("old", 7_200.5, "key:a", "gpt-4o", "chat", "ok", 0.3, 12)
        names = "id, at, caller, model, upstream, outcome, cost, tokens_in"
        transaction.change(f"INSERT INTO requests ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)
        names = "hour, caller, account, model, requests, errors, tokens_in, tokens_out, tokens_cached, cost"
        transaction.change(
            f"INSERT INTO request_hours ({names}) VALUES (7200, 'key:a', '', 'gpt-4o', 1, 0, 12, 0, 0, 0.3)"
        )

    old.database.run(put)
    old.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    new = row("new", at=7_201.5, caller="key:a", model="gpt-4o", upstream="chat", outcome="ok")
    new.cost, new.nano_aiu, new.estimated = 0.1, 100_000_000, 1
    store.request_log.write([new])
    for sums in (*store.usage.keys(0.0), store.usage.since(0.0), store.usage.last(2)):
        assert (sums["requests"], sums["nano_aiu"], sums["estimated"]) == (2, 400_000_000, 1)
    assert [(one.id, one.nano_aiu) for one in store.request_log.latest()] == [
        ("new", 100_000_000),
        ("old", None),
    ]
    store.close()


def test_the_sums_of_an_older_store_are_made_when_it_is_opened(tmp_path, monkeypatch):
    """Also of rows without `written`; the rows that come afterwards are added."""
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:9])
    old = open_store(tmp_path)

    def put(transaction):
        for number, written in enumerate((None, 7_201.0, 7_202.0)):
            values = (str(number), 7_200.5 + number, "codex", f"talk-{number % 2}", "chat", "m", 5, written)
            names = "id, at, client, session, upstream, model, tokens_in, written"
            transaction.change(f"INSERT INTO requests ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)

    old.database.run(put)
    old.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    assert not store.request_log.roll_up()
    hours = "SELECT client, session, sum(requests), sum(tokens_in) FROM conversation_hours GROUP BY 1, 2"
    rows = store.database.read(lambda transaction: transaction.rows(hours))
    assert rows == [("codex", "talk-0", 2, 10), ("codex", "talk-1", 1, 5)]
    store.request_log.write([row("new", at=7_300.0, client="codex", session="talk-1")])
    for _ in range(2):
        found = {one["name"]: one["requests"] for one in store.usage.by("conversation", 0.0)}
        assert found == {"talk-0": 2, "talk-1": 2}
        store.request_log.roll_up()
    store.close()
