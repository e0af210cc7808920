"""A connection is ready from a first request until ten minutes after the last one, and no longer."""

from types import SimpleNamespace

import pytest

from copilot_bridge.config import Config
from copilot_bridge.errors import LoginRequired
from copilot_bridge.models.profiles import all_patterns
from copilot_bridge.pipeline.ready_connections import USE_PERIOD, ReadyConnections
from copilot_bridge.shared_memory.shared_times import SharedTimes


class Bridge:
    """`opened`: the addresses for which a connection was wanted."""

    def __init__(self, times=None, **settings):
        self.config = Config(**settings)
        self.store = SimpleNamespace(last_uses=times or SharedTimes(None))
        self.tokens = SimpleNamespace(api=lambda account: account.api)
        self.client = SimpleNamespace(begin_connection=lambda url: self.opened.append(url))
        self.opened = []


class Clock:
    now = 1_773_236_325.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def account(name, api="https://api.example"):
    return SimpleNamespace(fingerprint=name, api=api)


def running(bridge, clock):
    ready = ReadyConnections(bridge, clock)
    ready._running = True  # without its thread
    return ready


def test_without_traffic_no_connection_is_opened(clock):
    bridge = Bridge()
    assert not running(bridge, clock).check()
    assert bridge.opened == []


def test_a_connection_is_ready_until_ten_minutes_after_the_last_request(clock):
    bridge = Bridge()
    ready = running(bridge, clock)
    for _ in range(3):
        ready.note_use(account("a"))
        clock.now += USE_PERIOD - 1
        assert ready.check()
    clock.now += 1
    bridge.opened.clear()
    assert not ready.check()
    assert bridge.opened == []


def test_each_address_is_opened_once(clock):
    bridge = Bridge()
    ready = running(bridge, clock)
    for name, api in (("a", "https://one"), ("b", "https://one"), ("c", "https://two")):
        ready.note_use(account(name, api))
    ready.check()
    assert sorted(bridge.opened) == ["https://one", "https://two"]


def test_a_worker_stays_ready_while_another_one_serves(clock):
    times = SharedTimes(None)
    one, two = (running(Bridge(times), clock) for _ in range(2))
    one.note_use(account("a"))
    for _ in range(5):
        clock.now += USE_PERIOD / 2
        two.note_use(account("a"))
        assert one.check()


@pytest.mark.parametrize("seconds", [-86400, 86400])
def test_after_a_jump_of_the_clock_a_connection_is_not_used(clock, seconds):
    """A laptop has slept, or its clock was set back."""
    bridge = Bridge()
    ready = running(bridge, clock)
    ready.note_use(account("a"))
    clock.now += seconds
    assert not ready.check()
    ready.note_use(account("a"))
    assert ready.check()


def test_ready_connections_can_be_turned_off(clock):
    bridge = Bridge(connect_ahead=False)
    ready = ReadyConnections(bridge, clock)
    ready.start()
    ready.note_use(account("a"))
    assert not ready.check()


def test_the_start_counts_as_a_request(clock):
    def login(_caller):
        return account("a")

    bridge = Bridge()
    bridge.account_in_use = login
    ready = running(bridge, clock)
    ready.note_start()
    assert ready.check()


def test_a_start_without_a_login(clock):
    def none(_caller):
        raise LoginRequired("nobody is logged in")

    bridge = Bridge()
    bridge.account_in_use = none
    ready = running(bridge, clock)
    ready.note_start()
    assert not ready.check()


def test_the_first_request_finds_the_facts_about_models_read(clock):
    bridge = Bridge()
    bridge.account_in_use = lambda _caller: account("a")
    ready = running(bridge, clock)
    all_patterns.cache_clear()
    ready._changed = SimpleNamespace(
        set=lambda: None, clear=lambda: None, wait=lambda _seconds: next(iter(()))
    )
    with pytest.raises(StopIteration):  # in place of the wait for the next change
        ready._run()
    assert bridge.opened == ["https://api.example"]
    assert all_patterns.cache_info().currsize == 1
