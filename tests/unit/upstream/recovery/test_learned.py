"""Lessons from refusals: for a week, for all who share a store, and without one in memory."""

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from copilot_bridge.errors import StoreError
from copilot_bridge.store import open_store
from copilot_bridge.upstream.recovery.learned import LESSON_TTL, MAX_PER_MODEL, Learned, Lesson, describe

ME = ("account", "messages", "claude")
STRICT, BRIEF = Lesson("leave out", "tools.strict"), Lesson("allowed values", "output_config.effort", "low")


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def process(home: Path, clock: Clock, **options: Any) -> Learned:
    """One that has just started."""
    store = open_store(home, **options)
    return Learned(store.lessons, store.changes, clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_lesson_is_known_at_once_and_only_to_its_account(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    assert learned.of(*ME) == ()
    learned.learn(*ME, STRICT)
    assert learned.of(*ME) == (STRICT,)
    others = [("other", "messages", "claude"), ("account", "chat", "claude"), ("account", "messages", "gpt")]
    assert [learned.of(*other) for other in others] == [(), (), ()]


def test_all_workers_know_and_the_next_start_does(tmp_path: Path, clock: Clock) -> None:
    one, two = process(tmp_path, clock), process(tmp_path, clock)
    assert two.of(*ME) == ()
    one.learn(*ME, STRICT)
    one.flush()
    assert two.of(*ME) == (STRICT,)
    two.learn(*ME, BRIEF)
    two.flush()
    assert one.of(*ME) == (STRICT, BRIEF)
    assert process(tmp_path, clock).of(*ME) == (STRICT, BRIEF)


def test_the_newest_on_a_subject_counts(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    for value in ("max_completion_tokens", "max_tokens"):
        learned.learn(*ME, Lesson("limit's name", "", value))
        clock.now += 1
    assert learned.of(*ME) == (Lesson("limit's name", "", "max_tokens"),)
    learned.flush()
    assert process(tmp_path, clock).of(*ME) == learned.of(*ME)


def test_after_a_week_it_is_tried_again(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    learned.learn(*ME, STRICT)
    learned.flush()
    clock.now += LESSON_TTL - 1
    assert process(tmp_path, clock).of(*ME) == (STRICT,)
    clock.now += 2
    assert process(tmp_path, clock).of(*ME) == ()
    assert process(tmp_path, clock).read() == []


def test_a_clock_that_was_set_back_keeps_nothing_for_longer(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    learned.learn(*ME, STRICT)
    learned.flush()
    clock.now -= 3600
    assert process(tmp_path, clock).of(*ME) == ()


def test_a_lesson_expires_in_a_running_process(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    learned.learn(*ME, STRICT)
    learned.flush()
    assert learned.of(*ME) == (STRICT,)
    clock.now += LESSON_TTL + 1
    learned.look_again()  # as a request has it done once a minute
    assert learned.of(*ME) == ()


def test_all_processes_forget_lessons(tmp_path: Path, clock: Clock) -> None:
    one, two = process(tmp_path, clock), process(tmp_path, clock)
    one.learn(*ME, STRICT)
    one.flush()
    assert two.of(*ME) == (STRICT,)
    assert process(tmp_path, clock).forget() == 1
    assert one.of(*ME) == two.of(*ME) == ()


def test_without_a_store_a_lesson_is_in_memory(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock, persistent=False)
    learned.learn(*ME, STRICT)
    learned.flush()
    assert learned.of(*ME) == (STRICT,)
    assert process(tmp_path, clock, persistent=False).of(*ME) == ()
    assert list(tmp_path.iterdir()) == []


class Broken:
    """A store that can't be used; its news do come."""

    number = 1

    def put(self, _rows: Iterable[Any]) -> None:
        raise StoreError("broken")

    def all(self) -> list[Any]:
        raise StoreError("broken")

    def forget(self) -> int:
        raise StoreError("broken")

    def read(self) -> int:
        return self.number

    def bump(self) -> None:
        self.number += 1


def test_a_store_that_breaks_costs_nothing_but_a_warning(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    broken = Broken()
    learned = Learned(broken, broken, clock)
    with caplog.at_level(logging.WARNING):
        learned.learn(*ME, STRICT)
        learned.flush()
        broken.bump()
        assert learned.of(*ME) == (STRICT,)
    assert len(caplog.messages) == 1


def test_lessons_of_a_model_are_limited(tmp_path: Path, clock: Clock) -> None:
    learned = process(tmp_path, clock)
    for number in range(MAX_PER_MODEL + 5):
        clock.now += 1
        learned.learn(*ME, Lesson("leave out", f"metadata.{number}"))
    assert len(learned.of(*ME)) == MAX_PER_MODEL


def test_each_request_only_looks_it_up(tmp_path: Path, clock: Clock) -> None:
    """The store is read when it has changed."""
    store, reads = open_store(tmp_path), []
    table = store.lessons
    seen = Learned(table, store.changes, clock)
    seen.learn(*ME, STRICT)
    seen.flush()

    class Counting:
        put, forget = table.put, table.forget

        def all(self) -> list[Any]:
            reads.append(1)
            return list(table.all())

    learned = Learned(Counting(), store.changes, clock)
    for _ in range(50):
        assert learned.of(*ME) == (STRICT,)
    assert len(reads) == 1


def test_lessons_are_described_in_words() -> None:
    assert describe(STRICT) == "leave out tools.strict"
    assert describe(BRIEF) == "allowed values output_config.effort: low"
    assert describe(Lesson("continue")) == "continue"
    assert describe(Lesson("fact", "efforts")) == "found efforts: none"
