"""Budgets are read as people write them, and tell in which state they are."""

import pytest

from copilot_bridge.billing.budgets import Budget, BudgetLimit, Standing, applicable, counted
from copilot_bridge.billing.charge import Charge
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.periods import Period

PERIOD = Period(1_793_491_200, 1_796_083_200)  # November 2026


@pytest.mark.parametrize(
    ("text", "amount", "unit", "period"),
    [
        ("500/month", 500 * NANO, "ai-units", "month"),
        ("0.5 credits/day", NANO // 2, "ai-units", "day"),
        ("20usd/week", 2000 * NANO, "usd", "week"),
        ("$20 / period", 2000 * NANO, "usd", "period"),
        ("300 premium per month", 300 * NANO, "premium", "month"),
        ("300 Premium Requests/Month", 300 * NANO, "premium", "month"),
        ("1000 requests/day", 1000 * NANO, "requests", "day"),
        ("0.000001/day", 1000, "ai-units", "day"),
    ],
)
def test_a_limit_is_read(text, amount, unit, period):
    assert BudgetLimit.parse(text) == BudgetLimit(amount, unit, period)


@pytest.mark.parametrize(
    "text", ["", "500", "500/year", "500 apples/day", "-5/day", "0/day", "$5 usd/day", "5/day/day", "1e9/day"]
)
def test_a_wrong_limit_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"500/month|revoke"):
        BudgetLimit.parse(text)


def budget(scope="all", subject="", limit="500/month"):
    return Budget(scope, subject, BudgetLimit.parse(limit))


ME = {"key": "key:me", "login": "octocat", "conversation": "c1"}


def test_a_subjects_own_budget_replaces_that_of_each():
    own, default = budget("key", "key:me", "5/day"), budget("key", "*", "9/day")
    others = budget("key", "key:you"), budget("login", "octo"), budget("conversation", "c2")
    whole, week = budget(), budget("key", "*", "9/week")
    found = applicable((default, own, whole, week, *others), ME)
    assert sorted(found, key=lambda one: str(one[0].limit)) == [
        *((own, "key:me"), (whole, ""), (week, "key:me")),
    ]
    assert applicable((default,), {"key": "key:you"}) == [(default, "key:you")]
    assert applicable((budget("conversation", "*"),), {"conversation": ""}) == []


def test_a_charge_is_counted_in_the_budgets_unit():
    charge = Charge(5 * NANO, None)
    assert [counted(unit, charge) for unit in ("ai-units", "premium", "requests", "usd")] == [
        *(5 * NANO, None, NANO, 5 * NANO)
    ]
    assert counted("usd", Charge(5 * NANO, NANO)) == 4 * NANO  # a plan that is billed by request
    assert counted("ai-units", Charge()) is None


@pytest.mark.parametrize(
    ("spent", "threshold"),
    [(0, 0), (49.99, 0), (50, 50), (89, 75), (94.9, 90), (95, 95), (100, 100), (300, 100)],
)
def test_a_standing_knows_its_threshold(spent, threshold):
    standing = Standing(budget(limit="100/month"), "", PERIOD, int(spent * NANO))
    assert standing.threshold == threshold
    assert standing.exhausted == (spent >= 100)


def test_a_refusal_names_the_budget_and_its_end_but_no_login():
    used = int(501.25 * NANO)
    standing = Standing(budget("key", "key:friend"), "key:friend", PERIOD, used).refusal()
    assert standing == (
        "the budget of the key 'friend' is used up: 501.25 AI units of 500 AI units a month; "
        "it begins anew on 2026-12-01 00:00 UTC"
    )
    of_login = Standing(budget("login", "octocat", "20 usd/period"), "octocat", PERIOD, 2000 * NANO)
    assert "octocat" not in of_login.refusal() + of_login.header() + of_login.waiting()
    assert "US$ 20 of US$ 20 a billing period" in of_login.refusal()
    assert "octocat" in of_login.sentence()
    assert of_login.header() == (
        "scope=login; used=20; limit=20; unit=usd; percent=100; ends=2026-12-01T00:00:00Z"
    )
