"""Budgets are counted exactly: under bursts, over restarts, and from the middle of a period on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from copilot_bridge.billing.budgets import Budget, BudgetLimit
from copilot_bridge.billing.cost import NANO
from copilot_bridge.store import budgets, open_store
from copilot_bridge.store.budgets import Demand
from copilot_bridge.store.logged_request import RequestLogRow


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def budget(store, limit="10/month", scope="key", subject="key:a"):
    wanted = Budget(scope, subject, BudgetLimit.parse(limit))
    store.budgets.put(wanted)
    return next(one for one in store.budgets.all() if (one.kind, one.subject) == (wanted.kind, subject))


def demand(of, amount, subject=None):
    return Demand(of, of.subject if subject is None else subject, int(amount * NANO))


def use(store, of, amount, estimate=1.0, ticket="t"):
    """A request from its reservation to its end.  The thresholds that it has reached."""
    grant = store.budgets.reserve(ticket, [demand(of, estimate)])
    assert not grant.refused
    held = (grant.starts[0], int(estimate * NANO))
    return [one.threshold for one in store.budgets.settle(ticket, [demand(of, amount)], [held])]


def standing(store, of, subject=None):
    (found,) = store.budgets.standings([demand(of, 0, subject)])
    return found


def test_usage_replaces_the_reservation(store):
    mine = budget(store)
    grant = store.budgets.reserve("one", [demand(mine, 3)])
    assert not grant.refused
    assert (standing(store, mine).spent, standing(store, mine).reserved) == (0, 3 * NANO)
    store.budgets.settle("one", [demand(mine, 0.1)], [(grant.starts[0], 3 * NANO)])
    assert (standing(store, mine).spent, standing(store, mine).reserved) == (NANO // 10, 0)


def test_each_threshold_is_reported_once(store):
    mine = budget(store)
    thresholds = [use(store, mine, amount) for amount in (4.9, 0.1, 1, 3.2, 0.4, 0.3)]
    assert thresholds == [[], [50], [], [90], [95], []]
    store.budgets.put(Budget("key", "key:a", BudgetLimit.parse("11/month")))  # raised, so reported anew
    (mine,) = store.budgets.all()
    assert use(store, mine, 0.6) == [95]
    assert use(store, mine, 9) == [100]


def test_a_budget_that_is_used_up_refuses_and_one_that_is_reserved_asks_to_wait(store):
    mine = budget(store)
    assert not store.budgets.reserve("one", [demand(mine, 10)]).refused
    refused = store.budgets.reserve("two", [demand(mine, 1)]).refused
    assert refused.at_capacity
    assert not refused.exhausted
    store.budgets.settle("one", [demand(mine, 12)], [(refused.period.start, 10 * NANO)])
    assert store.budgets.reserve("three", [demand(mine, 1)]).refused.exhausted
    assert standing(store, mine).percent == 120


def test_a_request_that_another_budget_refuses_reserves_nothing(store):
    mine, whole = budget(store), budget(store, "1 requests/day", "all", "")
    use(store, whole, 1, ticket="first")
    assert store.budgets.reserve("two", [demand(mine, 1), demand(whole, 1)]).refused.budget == whole
    assert standing(store, mine).reserved == 0


def test_a_burst_never_exceeds_a_budget_of_requests(store):
    mine = budget(store, "20 requests/day")

    def ask(number):
        grant = store.budgets.reserve(str(number), [demand(mine, 1)])
        if grant.refused:
            return 0
        store.budgets.settle(str(number), [demand(mine, 1)], [(grant.starts[0], NANO)])
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(60))) == 20
    assert standing(store, mine).spent == 20 * NANO


def test_a_budget_counts_what_the_log_has_of_its_period(store):
    """In every unit, and for every scope; errors and others' requests count nothing."""
    first = budget(store, "100 requests/month", "all", "")
    now = standing(store, first).period.start + 7200.0
    usual = {
        "caller": "key:a",
        "account": "octocat",
        "session": "c1",
        "model": "m",
        "upstream": "chat",
        "outcome": "ok",
    }
    store.request_log.write(
        [
            RequestLogRow("1", now, **usual, nano_aiu=3 * NANO, premium=0.5),
            RequestLogRow("2", now, **usual, cost=0.25),
            RequestLogRow("3", now, **(usual | {"outcome": "timeout"})),
            RequestLogRow("4", now - 40 * 86_400, **usual, nano_aiu=9 * NANO),
            RequestLogRow(
                "5", now, **(usual | {"caller": "key:b", "account": "x", "session": "c2"}), nano_aiu=NANO
            ),
        ]
    )
    whole = {"ai-units": 4.25, "premium": 0.5, "requests": 3}
    mine = {"ai-units": 3.25, "premium": 0.5, "requests": 2}
    for scope, subject in (("all", ""), ("key", "key:a"), ("login", "octocat"), ("conversation", "c1")):
        for unit, amount in (whole if scope == "all" else mine).items():
            one = budget(store, f"100 {unit}/month", scope, subject)
            use(store, one, 1)
            assert standing(store, one).spent == int((amount + 1) * NANO), (scope, unit)
    dollars = budget(store, "100 usd/month", "conversation", "c1")
    assert standing(store, dollars).spent == int(2.25 * NANO)  # half a premium request, and a quarter AI unit


def test_the_estimate_of_a_dead_process_counts_once(store, monkeypatch):
    mine = budget(store)
    monkeypatch.setattr(budgets, "RESERVATION_TTL", -1.0)
    grant = store.budgets.reserve("dead", [demand(mine, 2)])
    monkeypatch.undo()
    assert not store.budgets.reserve("next", [demand(mine, 1)]).refused
    assert standing(store, mine).spent == 2 * NANO
    # It was only slow: what it has used replaces the estimate.
    store.budgets.settle("dead", [demand(mine, 5)], [(grant.starts[0], 2 * NANO)])
    assert standing(store, mine).spent == 5 * NANO


def test_each_subject_has_a_counter_of_its_own_and_all_outlive_a_restart(store, tmp_path):
    default = budget(store, "10/day", "key", "*")
    for subject in ("key:a", "key:b"):
        store.budgets.settle("", [demand(default, 2, subject)], [None])
    store.close()
    again = open_store(tmp_path)
    assert again.budgets.subjects(default) == ["key:a", "key:b"]
    assert [standing(again, default, one).spent for one in ("key:a", "key:b", "key:c")] == [
        2 * NANO,
        2 * NANO,
        0,
    ]
    again.budgets.remove([default])
    assert (again.budgets.all(), again.budgets.subjects(default)) == ((), [])
    again.close()


def test_a_request_over_midnight_counts_in_the_period_in_which_it_began(store):
    mine = budget(store, "10/day")
    today = standing(store, mine).period
    yesterday = today.start - 86_400
    store.database.run(
        lambda t: t.change(
            "INSERT INTO budget_counters (scope, subject, unit, period, start, spent, warned)"
            " VALUES ('key', 'key:a', 'ai-units', 'day', ?, 0, 0)",
            yesterday,
        )
    )
    reached = store.budgets.settle("", [demand(mine, 9)], [(yesterday, 0)])
    assert [(one.period.start, one.threshold) for one in reached] == [(yesterday, 90)]
    assert standing(store, mine).spent == 0
