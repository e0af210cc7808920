"""Wrong keys are limited for their address in all workers together, and for nobody else."""

import pytest

from copilot_bridge.access.authentication import Authenticator, weak_keys
from copilot_bridge.access.guess_limiter import (
    MAX_NEW_TOKENS,
    MAX_WRONG_KEYS,
    WRONG_KEY_INTERVAL,
    GuessLimiter,
    network_of,
)
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.redaction import Secret
from copilot_bridge.shared_memory.shared_times import BUCKETS, SIZE, WAYS, SharedTimes
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

SHORT = "hunter2"
HERE, THERE = "203.0.113.5", "198.51.100.7"


class Clock:
    now = 5000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def worker(store, clock):
    """Makes the authenticator of one worker; the memory of guesses is shared."""

    def make():
        guess_limiter = GuessLimiter(SharedTimes(store.attempts._path), clock)
        return Authenticator(
            Config(api_key=(Secret(SHORT),)), store.keys, store.changes, guess_limiter=guess_limiter
        )

    return make


def kind(authenticator, given, address=HERE):
    try:
        authenticator.authenticate([given], local=False, address=address)
    except BridgeError as error:
        return error.kind
    return "in"


def use_up(authenticator, address=HERE):
    return [kind(authenticator, f"guess-{number}", address) for number in range(MAX_WRONG_KEYS)]


def test_an_address_may_try_some_keys_and_then_one_every_few_seconds(worker, clock):
    authenticator = worker()
    assert use_up(authenticator) == ["authentication"] * MAX_WRONG_KEYS
    with pytest.raises(BridgeError, match="wait") as caught:
        authenticator.authenticate(["guess"], local=False, address=HERE)
    assert caught.value.kind == "rate_limited"
    assert 1 <= int(caught.value.headers["retry-after"]) <= WRONG_KEY_INTERVAL + 1
    clock.now += WRONG_KEY_INTERVAL + 0.01
    assert [kind(authenticator, "guess") for _ in range(2)] == ["authentication", "rate_limited"]
    clock.now += MAX_WRONG_KEYS * WRONG_KEY_INTERVAL * 2
    assert use_up(authenticator) == ["authentication"] * MAX_WRONG_KEYS


def test_the_workers_count_together(worker):
    one, two = worker(), worker()
    kinds = [kind(limiter, "guess") for _ in range(MAX_WRONG_KEYS) for limiter in (one, two)]
    assert kinds.count("authentication") == MAX_WRONG_KEYS


def test_a_short_key_is_not_compared_while_its_address_is_limited(worker, clock):
    authenticator = worker()
    use_up(authenticator)
    assert kind(authenticator, SHORT) == "rate_limited", "otherwise every guess would get an answer"
    assert kind(authenticator, SHORT, THERE) == "in"
    clock.now += WRONG_KEY_INTERVAL * 2
    assert kind(authenticator, SHORT) == "in"


def test_a_short_key_used_before_is_not_locked_out_by_others_at_its_address(worker):
    authenticator = worker()
    assert kind(authenticator, SHORT) == "in"
    use_up(authenticator)
    assert kind(authenticator, "guess") == "rate_limited"
    assert kind(authenticator, SHORT) == "in"


def test_a_long_valid_key_is_never_locked_out(worker, store):
    made = store.keys.add(Key("friend", KEY, b""))
    authenticator = worker()
    use_up(authenticator)
    assert kind(authenticator, made) == "in"
    assert kind(authenticator, made[:-1] + "x") == "rate_limited", (
        "wrong keys are limited however long they are"
    )


@pytest.mark.parametrize("empty", ["", " "])
def test_a_request_without_a_key_is_no_guess(worker, empty):
    authenticator = worker()
    for _ in range(2 * MAX_WRONG_KEYS):
        assert kind(authenticator, empty.strip()) == "authentication"


def test_each_key_of_a_request_counts(worker):
    authenticator = worker()
    for _ in range(MAX_WRONG_KEYS // 4):
        with pytest.raises(BridgeError):
            authenticator.authenticate(["a", "b", "c", "d"], local=True, address=HERE)
    assert kind(authenticator, "guess") == "rate_limited"


def test_without_required_keys_no_key_counts_as_wrong(store):
    authenticator = Authenticator(Config(), store.keys, store.changes)
    for _ in range(3 * MAX_WRONG_KEYS):
        assert authenticator.authenticate(["anything"], local=True, address="127.0.0.1").operator


def test_an_ipv6_network_counts_as_one_address():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of(HERE) != network_of(THERE)
    assert network_of("unix") == "unix"


def test_new_github_tokens_are_bounded_per_address_and_overall(clock):
    guess_limiter = GuessLimiter(SharedTimes(None), clock)

    def tried(address):
        try:
            guess_limiter.charge_new_token(address)
        except BridgeError:
            return False
        return True

    assert sum(tried(HERE) for _ in range(100)) == MAX_WRONG_KEYS
    assert sum(tried(f"192.0.2.{number}") for number in range(200)) == MAX_NEW_TOKENS - MAX_WRONG_KEYS


# The shared memory.


def test_times_from_before_a_restart_lock_nobody_out(tmp_path):
    before, after = Clock(), Clock()
    before.now, after.now = 9e6, 10.0
    guess_limiter = GuessLimiter(SharedTimes(tmp_path / "tries"), before)
    for _ in range(MAX_WRONG_KEYS):
        guess_limiter.note_wrong(HERE)
    assert guess_limiter.wait(HERE)
    assert not GuessLimiter(SharedTimes(tmp_path / "tries"), after).wait(HERE)


def test_a_full_table_keeps_the_newest_times(tmp_path):
    tries = SharedTimes(tmp_path / "tries")
    for number in range(3 * BUCKETS * WAYS):
        tries.write(f"name {number}", 100.0 + number)
    assert tries.read(f"name {3 * BUCKETS * WAYS - 1}") > 0
    assert (tmp_path / "tries").stat().st_size == SIZE
    assert (tmp_path / "tries").stat().st_mode & 0o777 == 0o600


def test_times_are_kept_in_memory_without_a_file(tmp_path):
    (tmp_path / "file").touch()
    tries = SharedTimes(tmp_path / "file" / "tries")
    tries.write("a", 7.0)
    assert tries.read("a") == 7.0


# Warnings for the operator.


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("a",), ["1 character "]),
        (("fifteen-letters", "a-key-of-16-char"), ["15 characters "]),
        (("x" * 16,), []),
        ((), []),
    ],
)
def test_short_keys_of_the_settings_are_reported(keys, words):
    weak = weak_keys(Config(api_key=tuple(map(Secret, keys))))
    assert len(weak) == len(words)
    for text, word in zip(weak, words, strict=True):
        assert word in text
        assert not any(key in text for key in keys if len(key) > 1)


def test_a_short_share_token_is_reported():
    assert weak_keys(Config(share_token=((Secret("share-me"), Secret("ghu_x")),)))
