"""A copy of the database file alone, made under a running bridge, has the present keys."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.store import Store, open_store
from copilot_bridge.store.keys import Key

ADA, BOB = Key("ada", "key", b""), Key("bob", "key", b"")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Store]:
    """The bridge's own connections stay open, as while it runs: its journal is not put into the file."""
    store = open_store(tmp_path / "home")
    store.keys.load()
    yield store
    store.close()


def copied(tmp_path: Path) -> Store:
    """Without the journal, and without the mark beside it."""
    there = tmp_path / "copy"
    there.mkdir()
    shutil.copy(tmp_path / "home" / "bridge.db", there)
    return open_store(there)


def names(store: Store) -> tuple[list[str], bool | None]:
    keys, needed = store.keys.load()
    store.close()
    return [key.name for key in keys], needed


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda keys: keys.add(ADA), ["ada", "bob"]),
        (lambda keys: keys.revoke("bob", "key"), []),
        (lambda keys: keys.rotate("bob", "key"), ["bob"]),
        (lambda keys: keys.clear(), []),
    ],
)
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_copy_of_the_bare_file_has_the_present_keys(
    tmp_path: Path, running: Store, change: Callable[..., object], found: list[str], elsewhere: bool
) -> None:
    """Changed by the running bridge, or by another process while it runs."""
    running.keys.add(BOB)
    changer = open_store(tmp_path / "home") if elsewhere else running
    change(changer.keys)
    now = {key.digest for key in running.keys.all()}
    copy = copied(tmp_path)
    assert {key.digest for key in copy.keys.all()} == now
    assert names(copy) == (found, True if found else None)
    changer.close()


def test_a_change_of_keys_does_not_wait_for_readers(tmp_path: Path, running: Store) -> None:
    def read(transaction: object) -> None:
        with pytest.raises(InvalidRequest):
            other.keys.add(ADA)
        other.keys.add(BOB)

    running.keys.add(ADA)
    other = open_store(tmp_path / "home")
    running.database.read(read)
    assert names(other)[0] == ["ada", "bob"]
