"""Conversations that are kept: for a while, up to a size, each for its own caller."""

import json

import pytest

from copilot_bridge.access.callers import NOBODY, Caller
from copilot_bridge.exchange.chains import LIFE, OVERHEAD, Chains, Link, caller_of


def link(text, answer=(), before=None):
    return Link(before, json.dumps({"input": text}).encode(), json.dumps(list(answer)).encode())


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def chains(clock):
    return Chains(10_000 + 9 * OVERHEAD, clock)


def test_the_conversation_from_its_beginning():
    said = {"type": "message", "role": "assistant", "content": "b"}
    typed = {"role": "user", "content": "c"}
    second = link([typed], before=link("a", [said]))
    assert list(second.items()) == [{"type": "message", "role": "user", "content": "a"}, said, typed]


def test_each_caller_has_its_own(chains):
    chains.keep("me", "resp_1", link("a"))
    assert chains.find("me", "resp_1") == link("a")
    assert chains.find("you", "resp_1") is None


def test_for_an_hour(chains, clock):
    chains.keep("me", "resp_1", link("a"))
    clock.now += LIFE - 1
    assert chains.find("me", "resp_1")
    clock.now += 2
    assert chains.find("me", "resp_1") is None


def test_what_it_goes_on_from_stays_with_it(chains, clock):
    chains.keep("me", "resp_1", link("a"))
    clock.now += LIFE - 1
    chains.keep("me", "resp_2", link("b", before=chains.find("me", "resp_1")))
    clock.now += 2
    assert len(list(chains.find("me", "resp_2").items())) == 2


def test_up_to_a_size(chains):
    for number in range(100):
        chains.keep("me", f"resp_{number}", link("x" * 1000))
    kept = [number for number in range(100) if chains.find("me", f"resp_{number}")]
    assert kept == list(range(91, 100))


def test_what_is_shared_counts_for_each(chains):
    last = None
    for number in range(100):
        last = link("x" * 1000, before=last)
        chains.keep("me", f"resp_{number}", last)
    assert chains.find("me", "resp_99") is None  # too long by itself
    kept = sum(found.size for n in range(100) if (found := chains.find("me", f"resp_{n}")))
    assert kept <= 10_000 + 9 * OVERHEAD


def test_none_at_all():
    chains = Chains(0)
    chains.keep("me", "resp_1", link(""))
    assert chains.find("me", "resp_1") is None


def test_callers_are_told_apart_by_what_they_show():
    shown = [{}, {"authorization": "a"}, {"x-api-key": "a"}, {"authorization": "b"}, {"api-key": "a"}]
    assert len({caller_of(NOBODY, account, headers) for headers in shown for account in ("x", "y")}) == 10
    told = caller_of(NOBODY, "x", {"authorization": "a"})
    assert caller_of(NOBODY, "x", {"authorization": "a", "user-agent": "1"}) == told


def test_a_key_that_is_rotated_keeps_its_conversations():
    me, you = Caller("key:me"), Caller("key:you")
    told = caller_of(me, "x", {"authorization": "old"})
    assert caller_of(me, "x", {"authorization": "new"}) == told
    assert caller_of(you, "x", {"authorization": "new"}) != told
    assert caller_of(me, "y", {"authorization": "new"}) != told
