"""`copilot-bridge store`, as an operator uses it."""

import io
from pathlib import Path

import pytest
from cli.conftest import Run

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key


def test_a_checked_backup_is_restored(run: Run, home: Path, tmp_path: Path) -> None:
    store = open_store(home)
    store.logins.add("octocat", Secret("ghu_x"), "https://api.github.com")
    store.keys.add(Key("alice", KEY, b""))
    store.close()
    checked = run("store", "check")
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "The store has no problems.")
    assert "1 login, 1 key, 0 requests in the log" in checked.out
    file = tmp_path / "kept.db"
    made = run("store", "backup", str(file))
    assert (made.code, file.exists()) == (0, True)
    assert str(home / "store.key") in made.err
    assert "already exists" in run("store", "backup", str(file)).line
    run("keys", "revoke", "alice")
    back = run("store", "restore", str(file), "--yes")
    assert back.code == 0
    assert "restored: 1 login, 1 key" in back.out
    assert "alice" in run("keys", "list").out


def test_check_names_the_logins_that_another_key_encrypted(run: Run, home: Path, tmp_path: Path) -> None:
    store = open_store(home)
    store.logins.add("octocat", Secret("ghu_x"), "https://api.github.com")
    store.close()
    (home / "store.key").unlink()
    result = run("store", "check")
    assert result.code == 1
    assert "octocat" in result.err
    assert "copilot-bridge auth" in result.err


def test_restore_asks_first(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept.db"
    assert run("store", "backup", str(file)).code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = run("store", "restore", str(file))
    assert asked.code == 1
    assert "Replace the content of" in asked.err
    assert asked.err.splitlines()[-1].endswith("nothing was changed")


def test_other_files_are_refused_as_store_and_as_backup(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    assert "is not a backup of a store" in run("store", "restore", str(tmp_path / "text"), "--yes").line
    assert "there is no store" in run("store", "check", COPILOT_BRIDGE_PERSIST="false").line
    home.mkdir(exist_ok=True)
    (home / "bridge.db").write_bytes(b"hello" * 1000)
    assert "move it away" in run("store", "check").err
