"""Wrong keys: slowed for whoever sends them, in all workers together, and for nobody else."""

import pytest

from copilot_bridge.access.callers import Callers, weak_keys
from copilot_bridge.access.guesses import EVERY, IN_A_ROW, NEWCOMERS, Guesses, place_of
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.tries import BUCKETS, SIZE, WAYS, Tries

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
    """Makes a worker's own view of the callers; memory is shared with the others."""

    def make():
        guesses = Guesses(Tries(store.tries._path), clock)
        return Callers(Config(api_key=(Secret(SHORT),)), store.keys, store.signal, guesses=guesses)

    return make


def kind(callers, given, address=HERE):
    try:
        callers.find([given], local=False, address=address)
    except BridgeError as error:
        return error.kind
    return "in"


def use_up(callers, address=HERE):
    return [kind(callers, f"guess-{number}", address) for number in range(IN_A_ROW)]


def test_so_many_in_a_row_and_then_one_every_few_seconds(worker, clock):
    callers = worker()
    assert use_up(callers) == ["authentication"] * IN_A_ROW
    with pytest.raises(BridgeError, match="wait") as caught:
        callers.find(["guess"], local=False, address=HERE)
    assert caught.value.kind == "rate_limited"
    assert 1 <= int(caught.value.headers["retry-after"]) <= EVERY + 1
    clock.now += EVERY + 0.01
    assert [kind(callers, "guess") for _ in range(2)] == ["authentication", "rate_limited"]
    clock.now += IN_A_ROW * EVERY * 2
    assert use_up(callers) == ["authentication"] * IN_A_ROW


def test_the_workers_count_together(worker):
    one, two = worker(), worker()
    told = [kind(each, "guess") for _ in range(IN_A_ROW) for each in (one, two)]
    assert told.count("authentication") == IN_A_ROW


def test_a_short_key_is_not_looked_at_where_somebody_guesses(worker, clock):
    callers = worker()
    use_up(callers)
    assert kind(callers, SHORT) == "rate_limited", "or each guess would still be answered"
    assert kind(callers, SHORT, THERE) == "in"
    clock.now += EVERY * 2
    assert kind(callers, SHORT) == "in"


def test_who_was_let_in_before_is_not_locked_out_by_others_behind_the_same_address(worker):
    callers = worker()
    assert kind(callers, SHORT) == "in"
    use_up(callers)
    assert kind(callers, "guess") == "rate_limited"
    assert kind(callers, SHORT) == "in"


def test_a_good_key_is_never_locked_out(worker, store):
    made = store.keys.add(Key("friend", KEY, b""))
    callers = worker()
    use_up(callers)
    assert kind(callers, made) == "in"
    assert kind(callers, made[:-1] + "x") == "rate_limited", "a wrong one is slowed, however long"


@pytest.mark.parametrize("empty", ["", " "])
def test_no_key_is_no_guess(worker, empty):
    callers = worker()
    for _ in range(2 * IN_A_ROW):
        assert kind(callers, empty.strip()) == "authentication"


def test_several_in_one_request_are_several(worker):
    callers = worker()
    for _ in range(IN_A_ROW // 4):
        with pytest.raises(BridgeError):
            callers.find(["a", "b", "c", "d"], local=True, address=HERE)
    assert kind(callers, "guess") == "rate_limited"


def test_where_no_key_is_needed_none_is_wrong(store):
    callers = Callers(Config(), store.keys, store.signal)
    for _ in range(3 * IN_A_ROW):
        assert callers.find(["anything"], local=True, address="127.0.0.1").operator


def test_a_network_of_ipv6_is_one_place():
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:1") != place_of("2001:db8:0:1::1")
    assert place_of(HERE) != place_of(THERE)
    assert place_of("unix") == "unix"


def test_new_github_tokens_are_bounded_per_address_and_overall(clock):
    guesses = Guesses(Tries(None), clock)

    def tried(address):
        try:
            guesses.newcomer(address)
        except BridgeError:
            return False
        return True

    assert sum(tried(HERE) for _ in range(100)) == IN_A_ROW
    assert sum(tried(f"192.0.2.{number}") for number in range(200)) == NEWCOMERS - IN_A_ROW


# The memory.


def test_what_a_machine_wrote_before_its_restart_locks_nobody_out(tmp_path):
    before, after = Clock(), Clock()
    before.now, after.now = 9e6, 10.0
    guesses = Guesses(Tries(tmp_path / "tries"), before)
    for _ in range(IN_A_ROW):
        guesses.wrong(HERE)
    assert guesses.wait(HERE)
    assert not Guesses(Tries(tmp_path / "tries"), after).wait(HERE)


def test_more_names_than_it_holds(tmp_path):
    tries = Tries(tmp_path / "tries")
    for number in range(3 * BUCKETS * WAYS):
        tries.write(f"name {number}", 100.0 + number)
    assert tries.read(f"name {3 * BUCKETS * WAYS - 1}") > 0
    assert (tmp_path / "tries").stat().st_size == SIZE
    assert (tmp_path / "tries").stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_a_file(tmp_path):
    (tmp_path / "file").touch()
    tries = Tries(tmp_path / "file" / "tries")
    tries.write("a", 7.0)
    assert tries.read("a") == 7.0


# What the operator is told.


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("a",), ["1 character "]),
        (("fifteen-letters", "a-key-of-16-char"), ["15 characters "]),
        (("x" * 16,), []),
        ((), []),
    ],
)
def test_weak_keys_of_the_settings(keys, words):
    told = weak_keys(Config(api_key=tuple(map(Secret, keys))))
    assert len(told) == len(words)
    for text, word in zip(told, words, strict=True):
        assert word in text
        assert not any(key in text for key in keys if len(key) > 1)


def test_a_weak_share_token():
    assert weak_keys(Config(share_token=((Secret("share-me"), Secret("ghu_x")),)))
