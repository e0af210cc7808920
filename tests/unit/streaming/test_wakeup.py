"""The wakeup on which a greenlet sleeps, and the watchers that set it."""

import time
from collections.abc import Callable

import gevent
import pytest
from gevent.hub import get_hub
from unit.streaming.sockets import LONG, SOON, Pair, later, left_over, since, watchers

from copilot_bridge.streaming.wakeup import IdleTimer, SocketWatcher, Wakeup

pytestmark = pytest.mark.usefixtures("no_watcher_left")


def test_setting_it_wakes_the_waiter() -> None:
    wakeup, woken = Wakeup(), []

    def sleep() -> None:
        wakeup.wait()
        woken.append("yes")

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    assert wakeup.has_waiter is True
    assert woken == []
    get_hub().loop.run_callback(wakeup.set)
    sleeper.join(1)
    assert woken == ["yes"]
    assert not wakeup.has_waiter


def test_without_a_waiter_the_next_wait_returns_at_once() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set("an argument of gevent's")
    wakeup.wait()
    get_hub().loop.run_callback(wakeup.set)
    began = time.monotonic()
    wakeup.wait()
    assert since(began) < SOON
    assert not wakeup.has_waiter


def test_a_waiter_that_is_killed_is_not_woken() -> None:
    wakeup = Wakeup()
    sleeper = gevent.spawn(wakeup.wait)
    gevent.sleep(0)
    sleeper.kill()
    assert not wakeup.has_waiter
    wakeup.set()
    wakeup.wait()


def test_a_readable_socket_wakes_the_greenlet(pair: Callable[[], Pair]) -> None:
    near, far = pair()
    wakeup = Wakeup()
    watcher = SocketWatcher(near.fileno(), wakeup)
    watcher.start()
    watcher.start()
    later(0.01, far.send, b"x")
    wakeup.wait()
    assert watcher.fired
    watcher.close()


def test_a_readable_socket_does_not_make_the_loop_spin(pair: Callable[[], Pair]) -> None:
    """The greenlet is busy elsewhere, and does not read."""
    near, far = pair()
    watcher, fired = SocketWatcher(near.fileno(), Wakeup()), []
    ring = watcher._wakeup.set
    watcher._wakeup.set = lambda *_: (fired.append(1), ring())  # type: ignore[method-assign]
    watcher.start()
    far.send(b"x")
    gevent.sleep(SOON)
    assert len(fired) == 1
    watcher.start()
    gevent.sleep(SOON)
    assert len(fired) == 2
    watcher.close()


def test_a_stopped_watcher_does_not_fire(pair: Callable[[], Pair]) -> None:
    near, far = pair()
    watcher = SocketWatcher(near.fileno(), Wakeup())
    watcher.start()
    watcher.stop()
    far.send(b"x")
    gevent.sleep(0.01)
    assert not watcher.fired
    watcher.close()


def test_the_idle_timer_expires_again_and_again() -> None:
    wakeup = Wakeup()
    idle = IdleTimer(0.05, wakeup)
    began = time.monotonic()
    for _ in range(3):
        wakeup.wait()
        assert idle.expired
        idle.expired = False
    assert since(began) > 0.14
    idle.close()


def test_a_reset_postpones_the_idle_timer() -> None:
    wakeup = Wakeup()
    idle = IdleTimer(0.3, wakeup)
    began = time.monotonic()
    while since(began) < 0.5:
        gevent.sleep(0.02)
        idle.reset(time.monotonic())
        assert not idle.expired
    spoke = time.monotonic()
    wakeup.wait()
    assert idle.expired
    assert since(spoke) > 0.25
    idle.close()


def test_a_reset_makes_no_new_timer() -> None:
    idle = IdleTimer(LONG, Wakeup())
    before = idle._timer
    for _ in range(100):
        idle.reset(time.monotonic())
    assert idle._timer is before
    idle.close()


def test_the_woken_greenlet_may_close_the_timer_at_once() -> None:
    """A relay that gives up does so; a timer that starts again would fire for ever."""
    before = watchers()
    wakeup = Wakeup()
    idle = IdleTimer(0.01, wakeup)
    wakeup.wait()
    idle.close()
    assert left_over(before) == 0


def test_a_socket_is_ignored_for_as_long_as_its_reader_asks(pair: Callable[[], Pair]) -> None:
    near, far = pair()
    wakeup, read_at = Wakeup(), []

    def read() -> float | None:
        read_at.append(time.monotonic())
        if len(read_at) == 3:
            return None
        return 0.05 if len(read_at) == 2 else 0

    watcher = SocketWatcher(near.fileno(), wakeup, read)
    watcher.start()
    later(0.01, far.send, b"x")
    wakeup.wait()
    assert len(read_at) == 3, "nothing took the byte, so the socket was readable all the time"
    assert read_at[1] - read_at[0] < 0.04
    assert read_at[2] - read_at[1] > 0.045
    watcher.close()


def test_closing_ends_a_pause(pair: Callable[[], Pair]) -> None:
    before = watchers()
    near, far = pair()
    wakeup, reads = Wakeup(), []
    watcher = SocketWatcher(near.fileno(), wakeup, lambda: reads.append(1) or 0.02)
    watcher.start()
    far.send(b"x")
    later(0.01, wakeup.set)
    wakeup.wait()
    watcher.close()
    assert left_over(before) == 0
    gevent.sleep(0.03)
    assert len(reads) == 1
