"""Conversations in the store: encrypted, whole or not at all, for a time, and up to a size."""

from itertools import takewhile

import pytest

from copilot_bridge.redaction import Secret
from copilot_bridge.store import response_chains as module
from copilot_bridge.store.encryption import Encryptor
from copilot_bridge.store.response_chains import EncryptedResponse, ResponseChainTable
from copilot_bridge.store.sqlite import Sqlite

LIFE = 3600.0
PLENTY = 1 << 20


@pytest.fixture
def database(tmp_path, clock):
    database = Sqlite(tmp_path / "bridge.db", clock)
    yield database
    database.close()


@pytest.fixture
def encryptor(tmp_path):
    return Encryptor(Secret(), tmp_path, {})


@pytest.fixture
def table(database, encryptor):
    return ResponseChainTable(database, encryptor, max_bytes=PLENTY, ttl=LIFE)


def first(name, content="x"):
    return EncryptedResponse(name, name, "", content)


def next_to(name, before, chain, content="x"):
    return EncryptedResponse(name, chain, before, content)


def pruned(table):
    """How many steps it took."""
    return len([*takewhile(bool, iter(table.prune, None))])


def remaining(database):
    counts = (f"SELECT count(*) FROM {name}" for name in ("responses", "response_chains"))
    return [database.run(lambda t, sql=sql: t.rows(sql))[0][0] for sql in counts]


def test_a_response_brings_its_conversation_up_to_it(table):
    table.write([first("a", "1"), next_to("b", "a", "a", "2"), next_to("c", "b", "a", "3")])
    table.write([next_to("other", "a", "a", "4")])
    assert table.find("c") == ("a", ["1", "2", "3"])
    assert table.find("other") == ("a", ["1", "4"])
    assert table.find("a") == ("a", ["1"])
    assert table.find("d") is None


def test_content_is_stored_encrypted(table, database, encryptor, tmp_path):
    content = b"the secret word is swordfish" * 100
    sealed = table.encrypt(content)
    table.write([first("a", sealed)])
    assert len(sealed) < len(content) / 2
    assert table.decrypt(sealed) == content
    database.close()
    for path in tmp_path.iterdir():
        assert path.is_dir() or b"swordfish" not in path.read_bytes()
    stranger = ResponseChainTable(database, Encryptor(Secret("A" * 43 + "="), None, {}), max_bytes=1, ttl=1)
    assert stranger.decrypt(sealed) is None


def test_a_response_expires(table, clock, database):
    table.write([first("a")])
    clock.now += LIFE - 1
    assert table.find("a")
    assert pruned(table) == 0
    clock.now += 1
    assert table.find("a") is None
    assert pruned(table) == 1
    assert remaining(database) == [0, 0]


def test_a_response_keeps_its_previous_ones(table, clock, database):
    table.write([first("a", "1")])
    clock.now += LIFE - 1
    table.write([next_to("b", "a", "a", "2")])
    clock.now += 2
    assert pruned(table) == 0
    assert table.find("a") is None, "by itself it is too old"
    assert table.find("b") == ("a", ["1", "2"])
    clock.now += LIFE
    assert pruned(table) == 1
    assert remaining(database) == [0, 0]


def test_a_response_without_its_previous_one_is_left_out(table, database):
    table.write([next_to("b", "a", "a"), next_to("c", "b", "a")])
    assert remaining(database) == [0, 0]


def test_the_oldest_chains_are_deleted_first(database, encryptor, clock):
    table = ResponseChainTable(database, encryptor, max_bytes=1000, ttl=LIFE)
    for number in range(30):
        table.write([first(f"{number}", "x" * 100)])
        clock.now += 1
    pruned(table)
    assert [number for number in range(30) if table.find(f"{number}")] == list(range(20, 30))


def test_the_number_of_responses_is_bounded(table, monkeypatch, clock):
    monkeypatch.setattr(module, "MAX_RESPONSES", 5)
    for number in range(9):
        table.write([first(f"{number}")])
        clock.now += 1
    pruned(table)
    assert [number for number in range(9) if table.find(f"{number}")] == [4, 5, 6, 7, 8]


def test_a_chain_is_deleted_in_small_steps_and_never_found_in_part(table, monkeypatch, clock, database):
    monkeypatch.setattr(module, "DELETE_BATCH", 10)
    table.write([first("0"), *(next_to(f"{n}", f"{n - 1}", "0") for n in range(1, 35))])
    clock.now += LIFE / 2
    table.write([next_to("last", "34", "0")])
    clock.now += LIFE
    assert table.prune()
    assert remaining(database) == [26, 1]
    clock.now -= LIFE  # were it young enough: some of it is gone
    assert table.find("last") is None
    clock.now += LIFE
    assert pruned(table) == 3
    assert remaining(database) == [0, 0]


def test_an_id_that_comes_twice_keeps_its_first_content(table):
    table.write([first("a", "1"), next_to("b", "a", "a", "2"), next_to("a", "b", "a", "3")])
    assert table.find("a") == ("a", ["1"])
    assert table.find("b") == ("a", ["1", "2"])


def test_a_circle_is_no_conversation(table, database, monkeypatch):
    """Nobody writes one; a database that is damaged may have one."""
    monkeypatch.setattr(module, "MAX_CHAIN_LENGTH", 10)
    table.write([first("a", "1"), next_to("b", "a", "a", "2")])
    database.run(lambda t: t.change("UPDATE responses SET previous = 'b' WHERE id = 'a'"))
    assert table.find("b") is None
