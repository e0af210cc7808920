"""Requests are summed up by hour, caller, account and model; an unknown number is no zero."""

import pytest

from copilot_bridge.billing.hourly_rollups import HOUR, SUM_COLUMNS, add, hourly_rollups
from copilot_bridge.billing.usage import DAY, midnight, name_of_day, named_sums
from copilot_bridge.store.logged_request import RequestLogRow


def request(at=0.0, **values):
    usual = {"caller": "key:a", "account": "octocat", "model": "gpt-4o", "upstream": "chat", "outcome": "ok"}
    return RequestLogRow("id", at, **usual | values)


def rollups(*requests):
    return {
        rollup[:4]: dict(zip(SUM_COLUMNS, rollup[4:], strict=True)) for rollup in hourly_rollups(requests)
    }


def test_requests_of_an_hour_are_summed_up():
    found = rollups(request(0.0, tokens_in=3, cost=0.5), request(HOUR - 0.1, tokens_in=4), request(HOUR))
    assert found[0, "key:a", "octocat", "gpt-4o"] == {
        "requests": 2,
        "errors": 0,
        "premium": None,
        "tokens_in": 7,
        "tokens_out": 0,
        "tokens_cached": 0,
        "cost": 0.5,
        "tokens_written": 0,
        "nano_aiu": 500_000_000,
        "estimated": 0,
    }
    assert found[HOUR, "key:a", "octocat", "gpt-4o"]["requests"] == 1


def test_a_model_that_copilot_does_not_know_has_no_name():
    """A client may send any text as a model's name."""
    assert list(rollups(request(model="x" * 200, upstream=None, outcome="model_not_found"))) == [
        (0, "key:a", "octocat", "")
    ]


@pytest.mark.parametrize(
    ("outcome", "errors"), [("ok", 0), ("client_disconnected", 0), ("interrupted", 1), ("timeout", 1)]
)
def test_an_outcome_that_is_no_success_is_an_error(outcome, errors):
    (sums,) = rollups(request(outcome=outcome)).values()
    assert sums["errors"] == errors


def test_unknown_numbers_stay_unknown():
    assert (add(None, None), add(None, 2), add(1, None), add(1, 2)) == (None, 2, 1, 3)
    assert named_sums([1, 0, None, 2, 3, 4, None, 0, None, 0])["cost"] is None


@pytest.mark.parametrize("offset", [0, 480, -300, 345, -210])
def test_a_day_begins_at_midnight_in_its_time_zone(offset):
    start = midnight(20_000 * DAY + 5_000, offset)
    assert (start + offset * 60) % DAY == 0
    assert start <= 20_000 * DAY + 5_000 < start + DAY
    assert (
        name_of_day(start, offset) == name_of_day(start + DAY - 1, offset) != name_of_day(start - 1, offset)
    )


def test_costs_are_summed_up_to_the_nano_unit():
    """In floats, a tenth ten times is not one."""
    costs = [request(cost=0.1, nano_aiu=100_000_000, estimated=1) for _ in range(10)]
    (sums,) = rollups(*costs, request(cost=0.2)).values()  # the last row is one of an earlier version
    assert (sums["nano_aiu"], sums["estimated"]) == (1_200_000_000, 10)
