"""The names of plans, by the SKU that GitHub reports."""

import pytest

from copilot_bridge.billing.quota import plan_of


@pytest.mark.parametrize(
    ("sku", "plan"),
    [
        ("free_limited_copilot", "Copilot Free"),
        ("free_educational_quota", "Copilot Pro (education)"),
        ("monthly_subscriber_quota", "Copilot Pro"),
        ("plus_monthly_subscriber_quota", "Copilot Pro+"),
        ("max_monthly_subscriber_quota", "Copilot Max"),
        ("copilot_for_business_seat_quota", "Copilot Business"),
        ("copilot_enterprise_seat_quota", "Copilot Enterprise"),
        ("something_new", "something new"),
    ],
)
def test_a_plan_has_its_name(sku: str, plan: str) -> None:
    assert plan_of(sku) == plan
