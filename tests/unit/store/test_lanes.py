"""Lanes: the gap, the rate and the number at a time hold, in order, whoever asks."""

import pytest

from copilot_bridge.store.rate_limits import TICKET_TTL, Limit, RateLimitTable
from copilot_bridge.store.sqlite import Sqlite

GAP = Limit("gap", gap=3.0)
RATE = Limit("rate", rate=(2, 60))
MOST = Limit("most", most=2)


class Table:
    def __init__(self, path):
        self.now = 1000.0
        self.path = path
        self.reopen()

    def reopen(self):
        self.database = Sqlite(self.path, lambda: self.now)
        self.table = RateLimitTable(self.database)

    def ask(self, lane, ticket, queue=True, room=100):
        return self.table.ask(lane, ticket, queue=queue, room=room)

    def goes(self, lane, ticket, **options):
        return self.ask(lane, ticket, **options).granted


@pytest.fixture
def table(tmp_path):
    table = Table(tmp_path / "bridge.db")
    yield table
    table.database.close()


def test_a_gap(table):
    assert table.goes(GAP, "a", queue=False)
    table.now += 1
    verdict = table.ask(GAP, "b", queue=False)
    assert (verdict.granted, verdict.wait) == (False, 2.0)
    table.now += 2
    assert table.goes(GAP, "c", queue=False)
    assert table.goes(Limit("other", gap=3.0), "d", queue=False)


def test_a_gap_outlives_a_restart(table):
    assert table.goes(GAP, "a")
    table.database.close()
    table.reopen()
    assert not table.goes(GAP, "b")


def test_a_clock_that_was_set_back(table):
    table.goes(GAP, "a")
    table.now -= 5000
    assert table.goes(GAP, "b")
    assert table.ask(GAP, "c").wait == 3.0


def test_the_order_of_the_queue(table):
    table.goes(GAP, "a")
    for ticket in "bcd":
        assert not table.goes(GAP, ticket)
    table.now += 3
    assert not table.goes(GAP, "c")
    assert not table.goes(GAP, "e", queue=False), "nobody goes before those who wait"
    assert table.goes(GAP, "b")
    table.now += 3
    assert not table.goes(GAP, "d")
    table.table.leave("c")
    assert table.goes(GAP, "d"), "who left is in nobody's way"


def test_a_request_that_has_gone_once_is_ahead_of_the_queue(table):
    table.goes(GAP, "a")
    table.goes(GAP, "b")
    table.now += 3
    assert table.goes(Limit("gap", gap=3.0, ahead=True), "a2")
    assert not table.goes(GAP, "b")


def test_a_queue_has_an_end(table):
    table.goes(GAP, "a")
    assert not table.ask(GAP, "b", room=1).full
    assert table.ask(GAP, "c", room=1).full
    assert not table.ask(GAP, "b", room=1).full, "it is in it already"


def test_a_rate_is_for_any_stretch_of_time(table):
    assert table.goes(RATE, "a", queue=False)
    table.now += 50
    assert table.goes(RATE, "b", queue=False)
    table.now += 9
    assert table.ask(RATE, "c", queue=False).wait == 1.0
    table.now += 1
    assert table.goes(RATE, "d", queue=False)
    assert table.ask(RATE, "e", queue=False).wait == 50.0


def test_what_did_not_go_does_not_count(table):
    table.goes(RATE, "a")
    table.goes(RATE, "b")
    table.table.give_back(RATE, "b")
    assert table.goes(RATE, "c", queue=False)


def test_so_many_at_a_time(table):
    assert table.goes(MOST, "a")
    assert table.goes(MOST, "b")
    verdict = table.ask(MOST, "c")
    assert (verdict.granted, verdict.crowded, verdict.wait) == (False, True, 0.0)
    table.table.leave("a")
    assert table.goes(MOST, "c")


def test_tickets_of_the_dead(table):
    table.goes(MOST, "a")
    table.goes(MOST, "b")
    table.ask(MOST, "c")
    table.now += TICKET_TTL - 1
    table.table.keep_alive(["b"])
    assert not table.goes(MOST, "d", queue=False)
    table.now += 2
    assert table.goes(MOST, "d", queue=False)
    assert not table.goes(MOST, "e", queue=False)
