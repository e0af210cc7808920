"""How the bridge is, and what it does about it; a clock and a GitHub that are played."""

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
from copilot_bridge.exchange.watch import LONGEST, Watch
from copilot_bridge.status import LOGIN, READY, RESTING, STARTING, STORE, WAITING, Condition, Status
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.guard import Outage


class Store:
    def __init__(self, bridge: "Bridge") -> None:
        self.changes = SimpleNamespace(read=lambda: bridge.number)
        self.outage: Outage | None = None

    def listen(self, listener: Callable[[], object]) -> None:
        self.changed = listener

    def turn(self, outage: Outage | None) -> None:
        self.outage = outage
        self.changed()


class Bridge:
    """`error`: what GitHub says; None: all is well."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.resting: list[Cooldown] = []
        self.number = 0
        self.looks = 0
        self.pace = SimpleNamespace(rests=SimpleNamespace(of=lambda _: self.resting))
        self.models = SimpleNamespace(catalogue=lambda _: None)
        self.store = Store(self)

    def account_in_use(self, _caller: Any) -> Any:
        return SimpleNamespace(fingerprint="account")

    def copilot_of(self, _account: Any) -> Any:
        return self

    def token(self) -> None:
        self.looks += 1
        if self.error:
            raise self.error


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, READY),
        (UpstreamUnreachable("no such host"), WAITING),
        (UpstreamTimeout("no answer"), WAITING),
        (UpstreamRefused("GitHub answered with status 502", status=502), WAITING),
        (UpstreamRefused("GitHub's answer is no JSON"), WAITING),
        (UpstreamRefused("rate limit", kind="rate_limited", headers={"retry-after": "30"}), WAITING),
        (StoreUnavailable("can't use the store"), STORE),
        (LoginRequired("nobody is logged in"), LOGIN),
        (LoginRequired("bad credentials"), LOGIN),
        (UpstreamRefused("no Copilot plan", kind="permission", status=403), LOGIN),
    ],
)
def test_what_an_error_means(bridge: Bridge, error: Exception | None, state: str) -> None:
    bridge.error = error
    watch = Watch(bridge)  # type: ignore[arg-type]
    assert watch.status.now.state == STARTING
    now = watch.condition()
    assert (now.state, now.reason) == (state, str(error or ""))
    assert now.ready is (error is None)
    assert 1 <= watch.looks_again_in() <= LONGEST
    if isinstance(error, UpstreamRefused) and error.headers:
        assert 28 <= now.until - time.time() <= 30, "when GitHub says, no sooner"


def test_only_a_rest_of_the_whole_account_is_one_of_the_bridge(bridge: Bridge) -> None:
    now = time.time()
    bridge.resting = [Cooldown("account", now + 60, "slowly", model="m", since=now)]
    watch = Watch(bridge)  # type: ignore[arg-type]
    assert watch.condition().ready
    bridge.resting.append(Cooldown("account", now + 60, "slowly", since=now))
    assert watch.condition().state == RESTING
    assert "slowly" in watch.status.now.line


def test_trouble_is_looked_at_less_and_less_often(bridge: Bridge) -> None:
    bridge.error = UpstreamUnreachable("x")
    watch = Watch(bridge)  # type: ignore[arg-type]
    pauses = []
    for watch._failures in range(12):
        pauses.append(watch.look().until - time.time())
    assert 1.9 < pauses[0] < 3.1
    assert 3.9 < pauses[1] < 6.1
    assert all(LONGEST * 0.79 < each < LONGEST * 1.21 for each in pauses[6:])


def test_a_store_that_is_away_is_told_by_the_condition_that_goes_on(bridge: Bridge) -> None:
    watch, lines = Watch(bridge), []  # type: ignore[arg-type]
    watch.status.listen(lambda now: lines.append((now.line, now.ready)))
    watch.condition()
    bridge.store.turn(Outage("/secret/place: locked", 1.0, writing=True))
    bridge.store.turn(Outage("10.0.0.7: gone", 1.0, writing=False))
    bridge.error = UpstreamUnreachable("no such host")
    assert watch.condition().store, "another condition leaves it as it is"
    bridge.error = None
    bridge.store.turn(None)
    watch.status.set(watch.look())
    assert lines == [
        ("starting", False),
        ("ready", True),
        ("ready (the store is read only)", True),
        ("ready (the store is out of reach)", True),
        ("waiting for GitHub (the store is out of reach): no such host", False),
        ("waiting for GitHub: no such host", False),
        ("ready", True),
    ]


def test_it_looks_again_as_soon_as_the_store_is_back(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot_bridge.exchange.watch.SHORTEST", 60.0)
    bridge.error = StoreUnavailable("can't use the store")
    watch = Watch(bridge)  # type: ignore[arg-type]
    watch.start()
    wait_for(watch, STORE)
    bridge.error = None
    bridge.store.turn(None)
    wait_for(watch, READY)


def wait_for(watch: Watch, state: str) -> None:
    end = time.monotonic() + 5
    while watch.status.now.state != state:
        assert time.monotonic() < end, watch.status.now
        time.sleep(0.005)


def test_it_goes_on_looking(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that gets a token, a login that has changed: each is news."""
    monkeypatch.setattr("copilot_bridge.exchange.watch.GLANCE", 0.005)
    monkeypatch.setattr("copilot_bridge.exchange.watch.SHORTEST", 60.0)
    bridge.error = UpstreamUnreachable("x")
    watch = Watch(bridge)  # type: ignore[arg-type]
    watch.start()
    wait_for(watch, WAITING)
    bridge.error = None
    watch.told("ok")
    wait_for(watch, READY)
    looks = bridge.looks
    watch.told("ok")
    bridge.error = LoginRequired("revoked")
    watch.told("authentication")
    wait_for(watch, LOGIN)
    assert bridge.looks == looks + 1
    bridge.error = None
    bridge.number += 1
    wait_for(watch, READY)


def test_the_log_tells_changes_alone(caplog: pytest.LogCaptureFixture) -> None:
    status, heard = Status(), []
    status.listen(heard.append)
    caplog.set_level(logging.INFO)
    for each in (READY, WAITING, WAITING, READY):
        status.set(Condition(each, "down" if each == WAITING else ""))
    assert [record.getMessage() for record in caplog.records] == ["waiting for GitHub: down", "ready"]
    assert [each.state for each in heard] == [STARTING, READY, WAITING, READY]
    long = Condition(WAITING, "so\nlong " * 100).line
    assert len(long) == 300
    assert "\n" not in long
