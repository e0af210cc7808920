"""Budgets hold for requests, also while the store can't be used."""

import pytest

from copilot_bridge.access.budgets import HEADER, Budgets
from copilot_bridge.billing.budgets import Budget, BudgetLimit
from copilot_bridge.billing.charge import Charge
from copilot_bridge.billing.cost import NANO
from copilot_bridge.errors import BridgeError, StoreBusy, StoreError
from copilot_bridge.store import open_store

ME = {"key": "key:a", "login": "octocat", "conversation": ""}
ONE = Charge(NANO)


class Failing:
    """A table of budgets that fails as long as `error` is set."""

    def __init__(self, table):
        self._table = table
        self.error = None

    def __getattr__(self, name):
        def call(*arguments):
            if self.error:
                raise self.error
            return getattr(self._table, name)(*arguments)

        return call


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def table(store):
    return Failing(store.budgets)


@pytest.fixture
def budgets(store, table):
    return Budgets(table, store.changes, 1.5)


def allow(store, limit="3/month"):
    store.budgets.put(Budget("key", "key:a", BudgetLimit.parse(limit)))
    store.changes.bump()


def reserve(budgets):
    return budgets.reserve(ME, lambda: ONE, lambda: None)


def test_a_request_without_a_budget_costs_nothing(budgets):
    assert reserve(budgets) is None
    budgets.settle(None, ME, ONE)


def test_requests_are_refused_once_the_budget_is_used_up(store, budgets):
    allow(store)
    thresholds = []
    budgets.threshold_reached = lambda standing: thresholds.append(standing.threshold)
    for used in (0.0, 33, 66):
        reservation = reserve(budgets)
        assert f"percent={used:g};" in reservation.header
        budgets.settle(reservation, ME, ONE)
    with pytest.raises(BridgeError, match="the key 'a' is used up") as refused:
        reserve(budgets)
    assert refused.value.kind == "quota"
    assert "percent=100;" in refused.value.headers[HEADER]
    assert thresholds == [50, 100]


def test_a_request_that_was_not_answered_costs_nothing(store, budgets):
    allow(store, "1 requests/day")
    for _ in range(3):
        budgets.settle(reserve(budgets), ME, None)
    waiting = reserve(budgets)
    with pytest.raises(BridgeError, match="under way") as refused:
        reserve(budgets)
    assert refused.value.kind == "rate_limited"
    assert refused.value.headers["retry-after"] == "5"
    budgets.settle(waiting, ME, None)
    assert reserve(budgets)


def test_a_budget_that_is_set_meanwhile_counts_what_ends_later(store, budgets):
    none = reserve(budgets)
    allow(store)
    budgets.settle(none, ME, ONE)
    assert "used=1;" in reserve(budgets).header


def test_nothing_is_lost_while_the_store_can_not_be_used(store, table, budgets):
    allow(store)
    budgets.settle(reserve(budgets), ME, ONE)
    last = reserve(budgets)
    table.error = StoreError("gone")
    budgets.settle(last, ME, Charge(2 * NANO))
    with pytest.raises(BridgeError, match="used up"):  # by what is remembered
        reserve(budgets)
    table.error = None
    with pytest.raises(BridgeError, match="3 AI units of 3 AI units"):  # what has waited is written first
        reserve(budgets)


def test_an_overloaded_store_asks_to_come_again(store, table, budgets):
    allow(store)
    assert reserve(budgets)
    table.error = StoreBusy("busy")
    with pytest.raises(BridgeError, match="overloaded") as refused:
        reserve(budgets)
    assert refused.value.kind == "rate_limited"


def test_unstored_settlements_are_counted_after_the_process(store, table, tmp_path):
    allow(store, "100/month")
    folder = tmp_path / "settlements"
    dying = Budgets(table, store.changes, 1.5, folder)
    waiting = [reserve(dying) for _ in range(4)]
    dying.settle(waiting[0], ME, ONE)
    table.error = StoreError("gone")
    for reservation in waiting[1:]:
        dying.settle(reservation, ME, Charge(5 * NANO))
    dying.settle(None, ME, ONE)  # nothing could be reserved for it
    other = Budgets(table, store.changes, 1.5, folder)
    table.error = None
    other.recover()
    assert "used=1;" in reserve(other).header  # the process lives, and may still write it
    dying._journal._lines._lock.release()  # as the system does when it ends
    table.error = StoreError("still gone")
    other.recover()
    table.error = None
    assert "used=17;" in reserve(other).header
    other.recover()
    assert "used=17;" in reserve(other).header


def test_stored_settlements_are_not_counted_again(store, table, tmp_path):
    allow(store, "100/month")
    budgets = Budgets(table, store.changes, 1.5, tmp_path / "settlements")
    reservation = reserve(budgets)
    table.error = StoreError("gone")
    budgets.settle(reservation, ME, ONE)
    table.error = None
    assert "used=1;" in reserve(budgets).header
    budgets._journal._lines._lock.release()
    other = Budgets(table, store.changes, 1.5, tmp_path / "settlements")
    other.recover()
    assert "used=1;" in reserve(other).header
