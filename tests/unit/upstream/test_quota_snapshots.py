"""Quota snapshots in responses: noted by one worker, known to all."""

import threading

import pytest

from copilot_bridge.errors import StoreError
from copilot_bridge.upstream.quota_snapshots import QuotaSnapshots

PATIENCE = 20.0  # seconds
SOON, LATER = 0.01, 3600.0  # seconds until it is written


class Watched:
    """A key_values that tells when it was written to."""

    def __init__(self, key_values, *, broken=False):
        self._key_values = key_values
        self._broken = broken
        self.written = threading.Semaphore(0)
        self.read, self.lock = key_values.read, key_values.lock

    def write(self, name, content):
        try:
            if self._broken:
                raise StoreError("the disk is full")
            self._key_values.write(name, content)
        finally:
            self.written.release()


def session(percent):
    return {"x-usage-ratelimit-session": f"ent=0&rem={percent}&ov=0.0&ovPerm=false&rst=2026-05-01T00:00:00Z"}


def remaining(samples):
    return {name: sample.percent_remaining for name, sample in samples.items()}


def test_other_workers_know_it_a_moment_later(new_world, clock):
    one, other = new_world(), new_world()
    key_values = Watched(one.store.key_values)
    here, there = (
        QuotaSnapshots(key_values, clock, SOON),
        QuotaSnapshots(other.store.key_values, clock, LATER),
    )
    here.note(one.account, session(70.5))
    assert remaining(here.noted(one.account)) == {"session": 70.5}
    assert key_values.written.acquire(timeout=PATIENCE)
    assert remaining(there.shared(other.account)) == {"session": 70.5}
    assert there.noted(other.account) == {}, "requests look at no store"
    assert there.shared(other.account) == here.shared(one.account)


def test_the_newest_snapshot_of_any_worker_counts(new_world, clock):
    one, other = new_world(), new_world()
    key_values = Watched(one.store.key_values)
    here, there = (
        QuotaSnapshots(key_values, clock, SOON),
        QuotaSnapshots(other.store.key_values, clock, LATER),
    )
    there.note(other.account, session(50))
    clock.forward(1)
    here.note(one.account, session(40) | {"x-usage-ratelimit-weekly": "ent=0&rem=90"})
    assert key_values.written.acquire(timeout=PATIENCE)
    assert remaining(there.shared(other.account)) == {"session": 40, "weekly": 90}
    clock.forward(1)
    there.note(other.account, session(30))
    assert remaining(there.shared(other.account)) == {"session": 30, "weekly": 90}


def test_many_responses_are_one_write(world, clock):
    key_values = Watched(world.store.key_values)
    samples = QuotaSnapshots(key_values, clock, 0.2)
    for percent in range(100, 0, -1):
        samples.note(world.account, session(percent))
    assert key_values.written.acquire(timeout=PATIENCE)
    assert remaining(QuotaSnapshots(world.store.key_values).shared(world.account)) == {"session": 1}
    assert not key_values.written.acquire(blocking=False)


def test_without_a_store_the_process_knows_the_snapshot(world, clock):
    key_values = Watched(world.store.key_values, broken=True)
    samples = QuotaSnapshots(key_values, clock, SOON)
    samples.note(world.account, session(70))
    assert key_values.written.acquire(timeout=PATIENCE)
    assert remaining(samples.shared(world.account)) == {"session": 70}


@pytest.mark.parametrize("content", [{"session": {"at": 1.0, "percent_remaining": 5}}, {"session": "?"}])
def test_snapshots_of_another_version_are_ignored(world, content):
    world.store.key_values.write(f"samples/{world.account.fingerprint}", content)
    assert QuotaSnapshots(world.store.key_values).shared(world.account) == {}


def test_without_a_snapshot_nothing_is_written(world, clock):
    samples = QuotaSnapshots(world.store.key_values, clock, SOON)
    samples.note(world.account, {"x-request-id": "1"})
    assert samples.noted(world.account) == samples.shared(world.account) == {}


def test_the_last_event_on_a_websocket_tells_of_quotas(new_world):
    snapshots = QuotaSnapshots(new_world().store.key_values, interval=LATER)
    content = {
        "premium_interactions": {
            "entitlement": "300",
            "percent_remaining": 29.7,
            "overage_permitted": False,
            "overage_count": 2,
            "reset_date": "2026-05-01T00:00:00Z",
        },
        "chat": {"entitlement": 0, "percent_remaining": 100, "unlimited": True},
        "broken": {"entitlement": None},
        "odd": 3,
    }
    account = new_world().account
    snapshots.note_objects(account.fingerprint, content)
    noted = snapshots.noted(account)
    assert remaining(noted) == {"chat": 100.0, "premium_interactions": 29.7}
    assert (noted["chat"].unlimited, noted["premium_interactions"].overage) == (True, 2.0)
    snapshots.note_objects(account.fingerprint, "nonsense")
    assert snapshots.noted(account) == noted
