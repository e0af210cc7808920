"""A forecast says when the allowance ends; a comparison, what the same tokens cost elsewhere."""

from datetime import UTC, datetime

import pytest

from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.forecast import DAY, Traffic, forecast, longest_prompt, metered, what_if
from copilot_bridge.billing.prices import Prices, Tier
from copilot_bridge.billing.quota import read_usage

NOW = datetime(2026, 11, 11, tzinfo=UTC).timestamp()  # ten days after the renewal, twenty before the next


def report(unlimited=False, **snapshot):
    of_chat = {"unlimited": True, "entitlement": -1}
    premium = {"entitlement": 1000, "remaining": 400, "unlimited": unlimited} | snapshot
    snapshots = {"chat": of_chat, "premium_interactions": premium}
    return read_usage({"quota_reset_date": "2026-12-01", "quota_snapshots": snapshots})


def test_the_pace_of_the_period_and_of_the_week_say_when_the_allowance_ends():
    outlook = forecast(metered(report()), NOW, used_in_week=70)
    assert outlook.renewed_at == NOW + 20 * DAY
    assert (outlook.period.per_day, outlook.period.empty_at) == (60, pytest.approx(NOW + 400 / 60 * DAY))
    assert (outlook.week.per_day, outlook.week.empty_at) == (10, None)


def test_an_empty_allowance_is_empty_now():
    outlook = forecast(metered(report(remaining=-3)), NOW, used_in_week=0)
    assert outlook.period.empty_at == outlook.week.empty_at == NOW


def test_without_any_use_the_allowance_lasts():
    assert forecast(metered(report(remaining=1000)), NOW, 0).period.empty_at is None


@pytest.mark.parametrize(
    ("permitted", "words"), [(True, "continue at extra cost"), (False, "are then refused")]
)
def test_only_a_plan_with_overage_costs_extra(permitted, words):
    outlook = forecast(metered(report(overage_permitted=permitted)), NOW, 0)
    assert words in outlook.then
    assert ("cost" in outlook.then) == permitted


def test_a_plan_without_a_limit_has_no_forecast():
    assert metered(report(unlimited=True)) is None
    assert metered(read_usage({})) is None
    of_free = {"monthly_quotas": {"chat": 500}, "limited_user_quotas": {"chat": 350}}
    assert metered(read_usage(of_free)).name == "chat"


TIERED = Prices(Tier(100, 10, None, 500, 1000), Tier(200, 20, None, 1000))


def test_the_same_tokens_are_priced_by_the_tier_of_their_prompts():
    assert longest_prompt(TIERED) == 1000
    assert longest_prompt(Prices(Tier(100, 10, None, 500, 1000))) is None
    short, long = Traffic(3, 2, TokenCounts(3000, 10, 2000)), Traffic(1, 0, TokenCounts(5000, 10))
    cost = (1000 * 100 + 2000 * 10 + 10 * 500 + 5000 * 200 + 10 * 1000) * 1000
    assert what_if(TIERED, None, (short, long)) == cost
    assert what_if(None, 0.33, (short, long)) == 660_000_000
    assert what_if(None, None, (short, long)) is None
    assert what_if(Prices(Tier(1, None, None, None)), None, (short,)) is None
