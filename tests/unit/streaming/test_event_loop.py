"""Relaying in the event loop: when the next read waits, and what wakes the greenlet."""

from typing import Any

import pytest

from copilot_bridge.streaming import event_loop
from copilot_bridge.streaming.event_loop import FAST_INTERVAL, FAST_PAUSE, FAST_READS, EventLoopRelay


class Body:
    """Gives one piece at each read."""

    eof = False
    would_block = True

    def read_available(self) -> bytes:
        return b"piece"


class Reader:
    done = False
    failure: Exception | None = None

    def feed(self, data: bytes) -> bytes:
        return data


class Writer:
    """Takes all bytes but the last `left`."""

    left = 0

    def send(self, data: bytes) -> bytes:
        return data[len(data) - self.left :]


class Times:
    """A clock that goes on by `step` each time it is asked."""

    def __init__(self, step: float) -> None:
        self.step = step
        self._now = 1000.0

    def monotonic(self) -> float:
        self._now += self.step
        return self._now


@pytest.fixture
def relay() -> EventLoopRelay:
    parts: Any = Body(), Reader(), Writer()
    made = EventLoopRelay(*parts, on_data=lambda _data: None, on_sent=lambda _at: None)
    made.enabled = True
    return made


def results(relay: EventLoopRelay, monkeypatch: pytest.MonkeyPatch, steps: list[float]) -> list[float | None]:
    """What the relay returns for reads that are so many seconds apart."""
    times = Times(0)
    monkeypatch.setattr(event_loop, "time", times)
    made = []
    for times.step in steps:
        made.append(relay())
    return made


@pytest.mark.parametrize("interval", [FAST_INTERVAL * 1.01, 0.001, 0.02, 1.0])
def test_a_model_s_stream_is_read_at_once(
    interval: float, relay: EventLoopRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert results(relay, monkeypatch, [interval] * 50) == [0] * 50


def test_a_burst_of_a_few_reads_is_read_at_once(
    relay: EventLoopRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    burst = [0.02] + [FAST_INTERVAL / 10] * (FAST_READS - 1)
    assert results(relay, monkeypatch, burst * 10) == [0] * len(burst) * 10


def test_a_stream_faster_than_any_model_is_read_in_larger_pieces(
    relay: EventLoopRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read after a pause is not a fast one, so the stream proves its speed anew."""
    cycle = [FAST_PAUSE] + [FAST_INTERVAL / 10] * FAST_READS
    expected = [0] * FAST_READS + [FAST_PAUSE]
    assert results(relay, monkeypatch, cycle * 3) == expected * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda relay: setattr(relay, "enabled", False),
        lambda relay: setattr(relay._body, "would_block", False),
        lambda relay: setattr(relay._body, "eof", True),
        lambda relay: setattr(relay._writer, "left", 1),
        lambda relay: setattr(relay._reader, "done", True),
        lambda relay: setattr(relay._reader, "failure", ValueError()),
    ],
    ids=["before the head", "more to read", "the end", "a full socket", "the last event", "an error"],
)
def test_the_greenlet_wakes_even_in_a_fast_stream(
    change: Any, relay: EventLoopRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = [FAST_INTERVAL / 10] * (FAST_READS + 1)
    assert results(relay, monkeypatch, fast)[-1] is not None
    change(relay)
    assert relay() is None
