"""GitHub's report on an account is fetched once a minute, for all who want it."""

import threading

import pytest

from copilot_bridge.errors import LoginRequired, StoreError, UpstreamUnreachable
from copilot_bridge.upstream.github.user_info import (
    REPORT_TTL,
    RETRY_DELAY,
    UsageReports,
    quotas_only,
    without_secrets,
)

USER = "https://api.github.com/copilot_internal/user"
REPORT = {"login": "octocat", "copilot_plan": "business", "quota_snapshots": {"chat": {"unlimited": True}}}


def reports_of(world):
    return UsageReports(world.client, world.headers, world.store.key_values, world.clock)


@pytest.fixture
def reports(world):
    return reports_of(world)


def test_a_report_is_fetched_once_a_minute(world, hub, clock, reports):
    hub.responses(body=REPORT, url=USER)
    for _ in range(3):
        assert reports.get(world.account) == REPORT
    clock.forward(REPORT_TTL - 0.1)
    assert reports.get(world.account) == REPORT
    assert hub.asked == [("GET", USER)]
    clock.forward(0.2)
    hub.responses(body=REPORT | {"copilot_plan": "free"}, url=USER)
    assert reports.get(world.account)["copilot_plan"] == "free"


def test_concurrent_callers_share_one_fetch(world, hub, reports):
    hub.responses(body=REPORT, url=USER)
    threads = [threading.Thread(target=reports.get, args=(world.account,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hub.asked) == 1


def test_workers_share_a_report(new_world, hub, clock):
    hub.responses(body=REPORT, url=USER)
    worlds = [new_world() for _ in range(3)]
    assert [reports_of(world).get(world.account) for world in worlds] == [REPORT] * 3
    assert len(hub.asked) == 1
    clock.forward(-3600)  # a clock that was set back makes it look newer than it is
    reports_of(worlds[0]).get(worlds[0].account)
    assert len(hub.asked) == 2


def test_a_failure_is_shared_for_a_moment_and_not_kept(world, hub, clock, reports):
    hub.responses(401, {"message": "Bad credentials"}, url=USER)
    for _ in range(3):
        with pytest.raises(LoginRequired):
            reports.get(world.account)
    assert len(hub.asked) == 1
    clock.forward(RETRY_DELAY + 0.1)
    hub.responses(body=ConnectionError("refused"), url=USER)
    with pytest.raises(UpstreamUnreachable):
        reports.get(world.account)
    clock.forward(RETRY_DELAY + 0.1)
    hub.responses(body=REPORT, url=USER)
    assert reports.get(world.account) == REPORT


def test_a_store_that_can_not_be_written(world, hub, reports, monkeypatch, caplog):
    def broken(*_args):
        raise StoreError("disk full")

    hub.responses(body=REPORT, url=USER)
    monkeypatch.setattr(world.store.database, "run", broken)
    assert reports.get(world.account) == REPORT
    assert reports.get(world.account) == REPORT
    assert len(hub.asked) == 1
    assert "in memory only" in caplog.text


def test_nothing_secret_is_passed_on():
    given = {
        "token": "x",
        "copilot_token": "tid=1;exp=2",
        "token_based_billing": True,
        "note": "ghu_EXAMPLE0000000000000000000000000000",
        "list": [{"access_token": "y", "login": "example-org"}],
        "analytics_tracking_id": "00112233445566778899aabbccddeeff",
        "entitlement": -1,
        "nothing": None,
    }
    assert without_secrets(given) == {
        "token_based_billing": True,
        "note": "***",
        "list": [{"login": "example-org"}],
        "analytics_tracking_id": "00112233445566778899aabbccddeeff",
        "entitlement": -1,
        "nothing": None,
    }


def test_callers_see_the_quotas_only():
    assert quotas_only(REPORT) == {name: REPORT[name] for name in ("copilot_plan", "quota_snapshots")}
