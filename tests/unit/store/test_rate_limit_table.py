"""A limit's interval, rate and maximum hold for all processes, in the order of arrival."""

import pytest

from copilot_bridge.store.rate_limits import TICKET_TTL, AdmissionLimit, RateLimitTable
from copilot_bridge.store.sqlite import Sqlite

SPACED = AdmissionLimit("gap", min_interval=3.0)
RATE = AdmissionLimit("rate", rate=(2, 60))
CONCURRENT = AdmissionLimit("most", max_concurrent=2)


class Table:
    def __init__(self, path):
        self.now = 1000.0
        self.path = path
        self.reopen()

    def reopen(self):
        self.database = Sqlite(self.path, lambda: self.now)
        self.table = RateLimitTable(self.database)

    def request(self, limit, ticket, queue=True, max_queued=100):
        return self.table.request(limit, ticket, queue=queue, max_queued=max_queued)

    def goes(self, limit, ticket, **options):
        return self.request(limit, ticket, **options).granted


@pytest.fixture
def table(tmp_path):
    table = Table(tmp_path / "bridge.db")
    yield table
    table.database.close()


def test_requests_are_spaced_by_the_interval(table):
    assert table.goes(SPACED, "a", queue=False)
    table.now += 1
    decision = table.request(SPACED, "b", queue=False)
    assert (decision.granted, decision.wait) == (False, 2.0)
    table.now += 2
    assert table.goes(SPACED, "c", queue=False)
    assert table.goes(AdmissionLimit("other", min_interval=3.0), "d", queue=False)


def test_an_interval_outlives_a_restart(table):
    assert table.goes(SPACED, "a")
    table.database.close()
    table.reopen()
    assert not table.goes(SPACED, "b")


def test_a_clock_set_back_blocks_nobody(table):
    table.goes(SPACED, "a")
    table.now -= 5000
    assert table.goes(SPACED, "b")
    assert table.request(SPACED, "c").wait == 3.0


def test_the_queue_keeps_the_order_of_arrival(table):
    table.goes(SPACED, "a")
    for ticket in "bcd":
        assert not table.goes(SPACED, ticket)
    table.now += 3
    assert not table.goes(SPACED, "c")
    assert not table.goes(SPACED, "e", queue=False), "nobody overtakes the queue"
    assert table.goes(SPACED, "b")
    table.now += 3
    assert not table.goes(SPACED, "d")
    table.table.release("c")
    assert table.goes(SPACED, "d"), "a request that left blocks nobody"


def test_a_retry_skips_the_queue(table):
    table.goes(SPACED, "a")
    table.goes(SPACED, "b")
    table.now += 3
    assert table.goes(AdmissionLimit("gap", min_interval=3.0, skips_queue=True), "a2")
    assert not table.goes(SPACED, "b")


def test_a_full_queue_admits_no_more_waiters(table):
    table.goes(SPACED, "a")
    assert not table.request(SPACED, "b", max_queued=1).queue_full
    assert table.request(SPACED, "c", max_queued=1).queue_full
    assert not table.request(SPACED, "b", max_queued=1).queue_full, "it is queued already"


def test_a_rate_holds_in_any_period(table):
    assert table.goes(RATE, "a", queue=False)
    table.now += 50
    assert table.goes(RATE, "b", queue=False)
    table.now += 9
    assert table.request(RATE, "c", queue=False).wait == 1.0
    table.now += 1
    assert table.goes(RATE, "d", queue=False)
    assert table.request(RATE, "e", queue=False).wait == 50.0


def test_a_refunded_ticket_does_not_count(table):
    table.goes(RATE, "a")
    table.goes(RATE, "b")
    table.table.refund(RATE, "b")
    assert table.goes(RATE, "c", queue=False)


def test_no_more_than_the_maximum_run_at_a_time(table):
    assert table.goes(CONCURRENT, "a")
    assert table.goes(CONCURRENT, "b")
    decision = table.request(CONCURRENT, "c")
    assert (decision.granted, decision.at_capacity, decision.wait) == (False, True, 0.0)
    table.table.release("a")
    assert table.goes(CONCURRENT, "c")


def test_tickets_of_dead_processes_expire(table):
    table.goes(CONCURRENT, "a")
    table.goes(CONCURRENT, "b")
    table.request(CONCURRENT, "c")
    table.now += TICKET_TTL - 1
    table.table.keep_alive(["b"])
    assert not table.goes(CONCURRENT, "d", queue=False)
    table.now += 2
    assert table.goes(CONCURRENT, "d", queue=False)
    assert not table.goes(CONCURRENT, "e", queue=False)
