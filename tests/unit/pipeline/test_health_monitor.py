"""The condition of the bridge, and the checks that determine it, against a simulated GitHub."""

import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from copilot_bridge.errors import (
    LoginRequired,
    StoreUnavailable,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.pipeline.health_monitor import MAX_RETRY_DELAY, HealthMonitor
from copilot_bridge.status.condition import (
    LOGIN_NEEDED,
    PAUSED,
    READY,
    STARTING,
    WAITING_FOR_GITHUB,
    WAITING_FOR_STORE,
    Condition,
    ServiceStatus,
)
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.guarded_database import Outage


class Store:
    def __init__(self, bridge: "Bridge") -> None:
        self.changes = SimpleNamespace(read=lambda: bridge.number)
        self.outage: Outage | None = None

    def on_outage_change(self, listener: Callable[[], object]) -> None:
        self.changed = listener

    def turn(self, outage: Outage | None) -> None:
        self.outage = outage
        self.changed()


class Bridge:
    """`error`: what GitHub says; None: all is well."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.cooldowns: list[Cooldown] = []
        self.number = 0
        self.checks = 0
        self.rate_limiter = SimpleNamespace(cooldowns=SimpleNamespace(of_account=lambda _: self.cooldowns))
        self.models = SimpleNamespace(renewed=lambda _: None)
        self.store = Store(self)

    def account_in_use(self, _caller: Any) -> Any:
        return SimpleNamespace(fingerprint="account")

    def copilot_of(self, _account: Any) -> Any:
        return self

    def token(self) -> None:
        self.checks += 1
        if self.error:
            raise self.error


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, READY),
        (UpstreamUnreachable("no such host"), WAITING_FOR_GITHUB),
        (UpstreamTimeout("no answer"), WAITING_FOR_GITHUB),
        (UpstreamRefused("GitHub responded with status 502", status=502), WAITING_FOR_GITHUB),
        (UpstreamRefused("GitHub's answer is no JSON"), WAITING_FOR_GITHUB),
        (
            UpstreamRefused("rate limit", kind="rate_limited", headers={"retry-after": "30"}),
            WAITING_FOR_GITHUB,
        ),
        (StoreUnavailable("can't use the store"), WAITING_FOR_STORE),
        (LoginRequired("nobody is logged in"), LOGIN_NEEDED),
        (LoginRequired("bad credentials"), LOGIN_NEEDED),
        (UpstreamRefused("no Copilot plan", kind="permission", status=403), LOGIN_NEEDED),
    ],
)
def test_each_error_has_its_condition(bridge: Bridge, error: Exception | None, state: str) -> None:
    bridge.error = error
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    assert monitor.status.current.state == STARTING
    now = monitor.condition()
    assert (now.state, now.reason) == (state, str(error or ""))
    assert now.ready is (error is None)
    assert 1 <= monitor.retry_after() <= MAX_RETRY_DELAY
    if isinstance(error, UpstreamRefused) and error.headers:
        assert 28 <= now.until - time.time() <= 30, "when GitHub says, no sooner"


def test_a_cooldown_of_the_whole_account_pauses_the_bridge(bridge: Bridge) -> None:
    now = time.time()
    bridge.cooldowns = [Cooldown("account", now + 60, "slowly", model="m", since=now)]
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    assert monitor.condition().ready
    bridge.cooldowns.append(Cooldown("account", now + 60, "slowly", since=now))
    assert monitor.condition().state == PAUSED
    assert "slowly" in monitor.status.current.summary


def test_a_pause_that_begins_while_the_bridge_serves_is_reported_at_once(bridge: Bridge) -> None:
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    monitor.start()
    wait_for(monitor, READY)
    now = time.time()
    bridge.cooldowns.append(Cooldown("account", now + 60, "slowly", since=now))
    monitor.recheck()
    wait_for(monitor, PAUSED)
    bridge.cooldowns.clear()
    monitor.recheck()
    wait_for(monitor, READY)


def test_trouble_is_checked_less_and_less_often(bridge: Bridge) -> None:
    bridge.error = UpstreamUnreachable("x")
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    pauses = []
    for monitor._failures in range(12):
        pauses.append(monitor.check().until - time.time())
    assert 1.9 < pauses[0] < 3.1
    assert 3.9 < pauses[1] < 6.1
    assert all(MAX_RETRY_DELAY * 0.79 < pause < MAX_RETRY_DELAY * 1.21 for pause in pauses[6:])


def test_the_condition_shows_that_the_store_is_away(bridge: Bridge) -> None:
    monitor, lines = HealthMonitor(bridge), []  # type: ignore[arg-type]
    monitor.status.subscribe(lambda now: lines.append((now.summary, now.ready)))
    monitor.condition()
    bridge.store.turn(Outage("/secret/place: locked", 1.0, readable=True))
    bridge.store.turn(Outage("10.0.0.7: gone", 1.0, readable=False))
    bridge.error = UpstreamUnreachable("no such host")
    assert monitor.condition().store, "another condition leaves it as it is"
    bridge.error = None
    bridge.store.turn(None)
    monitor.status.report(monitor.check())
    assert lines == [
        ("starting", False),
        ("ready", True),
        ("ready (the store is read only)", True),
        ("ready (the store is out of reach)", True),
        ("waiting for GitHub (the store is out of reach): no such host", False),
        ("waiting for GitHub: no such host", False),
        ("ready", True),
    ]


def test_the_monitor_checks_as_soon_as_the_store_is_back(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot_bridge.pipeline.health_monitor.MIN_RETRY_DELAY", 60.0)
    bridge.error = StoreUnavailable("can't use the store")
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    monitor.start()
    wait_for(monitor, WAITING_FOR_STORE)
    bridge.error = None
    bridge.store.turn(None)
    wait_for(monitor, READY)


def wait_for(monitor: HealthMonitor, state: str) -> None:
    end = time.monotonic() + 5
    while monitor.status.current.state != state:
        assert time.monotonic() < end, monitor.status.current
        time.sleep(0.005)


def test_the_monitor_checks_after_each_report(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that gets a token, a login that has changed: each is news."""
    monkeypatch.setattr("copilot_bridge.pipeline.health_monitor.POLL_INTERVAL", 0.005)
    monkeypatch.setattr("copilot_bridge.pipeline.health_monitor.MIN_RETRY_DELAY", 60.0)
    bridge.error = UpstreamUnreachable("x")
    monitor = HealthMonitor(bridge)  # type: ignore[arg-type]
    monitor.start()
    wait_for(monitor, WAITING_FOR_GITHUB)
    bridge.error = None
    monitor.report_token("ok")
    wait_for(monitor, READY)
    checks = bridge.checks
    monitor.report_token("ok")
    bridge.error = LoginRequired("revoked")
    monitor.report_token("authentication")
    wait_for(monitor, LOGIN_NEEDED)
    assert bridge.checks == checks + 1
    bridge.error = None
    bridge.number += 1
    wait_for(monitor, READY)


def test_only_changes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    status, logged = ServiceStatus(), []
    status.subscribe(logged.append)
    caplog.set_level(logging.INFO)
    for state in (READY, WAITING_FOR_GITHUB, WAITING_FOR_GITHUB, READY):
        status.report(Condition(state, "down" if state == WAITING_FOR_GITHUB else ""))
    assert [record.getMessage() for record in caplog.records] == ["waiting for GitHub: down", "ready"]
    assert [condition.state for condition in logged] == [STARTING, READY, WAITING_FOR_GITHUB, READY]
    long = Condition(WAITING_FOR_GITHUB, "so\nlong " * 100).summary
    assert len(long) == 300
    assert "\n" not in long
