"""Small files that only their owner reads, written whole or not at all, locked between processes."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from copilot_bridge.errors import ConfigError
from copilot_bridge.store import files as module
from copilot_bridge.store.files import JsonFiles

CONTENT = {"token": "ghu_EXAMPLE"}

HOLDER = """
import sys
from pathlib import Path
from copilot_bridge.store.files import JsonFiles
with JsonFiles(Path(sys.argv[1])).lock("it"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    return tmp_path / "parent" / "home"


@pytest.fixture
def files(home):
    return JsonFiles(home)


@pytest.fixture
def _open_umask():
    """Nothing is taken from a file's mode but what the code itself takes."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def message_of(caught):
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_an_object_is_read_as_it_was_written(files, home):
    assert files.read("a") is None
    files.write("a", CONTENT)
    files.write("tokens/b", {"c": [1, None, "ü"]})
    assert files.read("a") == CONTENT
    assert JsonFiles(home).read("tokens/b") == {"c": [1, None, "ü"]}
    assert json.loads((home / "a.json").read_text()) == CONTENT


def test_a_removed_file_is_gone(files):
    files.write("a", CONTENT)
    files.remove("a")
    assert files.read("a") is None
    files.remove("a")


@pytest.mark.usefixtures("_open_umask")
def test_files_and_directories_are_the_owners_alone(files, home):
    files.write("a", CONTENT)
    files.write("tokens/b", CONTENT)
    with files.lock("c"):
        pass
    assert mode(home) == mode(home / "tokens") == mode(home / "locks") == 0o700
    assert mode(home / "a.json") == mode(home / "tokens" / "b.json") == 0o600
    assert mode(home / "locks" / "c.lock") == 0o600


@pytest.mark.usefixtures("_open_umask")
def test_directories_above_are_made_for_the_owner_alone(files, home):
    """`start --simulate` keeps its files in a folder below the data directory, and may be there first."""
    files.write("a", CONTENT)
    assert mode(home.parent) == 0o700


@pytest.mark.usefixtures("_open_umask")
def test_a_file_is_private_before_anything_is_in_it(files, home, monkeypatch):
    seen = []

    def watch(handle):
        seen.extend((mode(path), path.stat().st_size) for path in home.iterdir() if path.is_file())

    monkeypatch.setattr(os, "fsync", watch)
    files.write("a", CONTENT)
    assert [mode for mode, _ in seen] == [0o600]


@pytest.mark.usefixtures("_open_umask")
def test_a_file_that_was_open_to_others_becomes_private(files, home):
    files.write("a", CONTENT)
    (home / "a.json").chmod(0o644)
    files.write("a", CONTENT)
    assert mode(home / "a.json") == 0o600


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file(files, home, monkeypatch, step, error):
    def fail(*_args):
        raise error

    files.write("a", {"old": 1})
    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises((ConfigError, KeyboardInterrupt)) as caught:
        files.write("a", {"new": 1})
    if isinstance(error, OSError):
        assert message_of(caught) == f"can't write to the data directory {home}: No space left on device"
    assert files.read("a") == {"old": 1}
    assert os.listdir(home) == ["a.json"]  # noqa: PTH208 - no temporary file is left


def test_a_process_that_dies_in_a_write_leaves_the_old_file(files, home):
    files.write("a", {"old": 1})
    code = (
        "import os, sys; from pathlib import Path; from copilot_bridge.store.files import JsonFiles\n"
        "Path.replace = lambda *_: os._exit(9)\n"
        "JsonFiles(Path(sys.argv[1])).write('a', {'new': 1})"
    )
    assert subprocess.run([sys.executable, "-c", code, home], check=False).returncode == 9
    assert files.read("a") == {"old": 1}
    files.write("a", {"newer": 1})
    assert files.read("a") == {"newer": 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"\x00" * 64, b"[1]", b'"a"', b"null", b"[" * 5000]
)
def test_a_damaged_file_counts_as_missing(files, home, content, caplog):
    files.write("a", CONTENT)
    (home / "a.json").write_bytes(content)
    assert files.read("a") is None
    files.write("a", CONTENT)
    assert files.read("a") == CONTENT
    assert "EXAMPLE" not in caplog.text


def test_a_damaged_file_is_logged_by_its_path(files, home, caplog):
    files.write("a", CONTENT)
    (home / "a.json").write_bytes(b"{")
    files.read("a")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(home / "a.json") in record.getMessage()


def test_a_directory_in_place_of_a_file_counts_as_missing(files, home):
    (home / "a.json").mkdir(parents=True)
    assert files.read("a") is None
    with pytest.raises(ConfigError) as caught:
        files.write("a", CONTENT)
    assert str(home) in message_of(caught)
    with pytest.raises(ConfigError):
        files.remove("a")


def test_a_data_directory_that_can_not_be_made_is_a_config_error(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home"
    files = JsonFiles(home)
    assert files.read("a") is None
    with pytest.raises(ConfigError) as caught:
        files.write("a", CONTENT)
    assert message_of(caught) == f"can't write to the data directory {home}: Not a directory"
    caplog.clear()
    with files.lock("a"):
        assert "can't lock" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_data_directory_is_a_config_error(files, home):
    files.write("a", CONTENT)
    home.chmod(0o500)
    try:
        for act in (lambda: files.write("a", {}), lambda: files.remove("a")):
            with pytest.raises(ConfigError) as caught:
                act()
            assert message_of(caught) == f"can't write to the data directory {home}: Permission denied"
        with files.lock("a"):
            pass
        assert files.read("a") == CONTENT
    finally:
        home.chmod(0o700)


def test_a_lock_is_held_by_one_process_at_a_time(files):
    inside, most = [], []
    start = threading.Barrier(8)

    def work():
        start.wait()
        with files.lock("a"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_locks_with_different_names_do_not_wait_for_each_other(files):
    with files.lock("a"), files.lock("b"):
        pass


def test_a_lock_is_released_after_an_error(files, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.5)
    with pytest.raises(ZeroDivisionError), files.lock("a"):
        _ = 1 / 0
    with files.lock("a"):
        pass
    assert not caplog.records


def hold(home):
    """Another process that has the lock "it"; ends with its stdin."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_killed_holder_does_not_keep_its_lock(files, home, caplog):
    with hold(home) as process:
        got = threading.Event()

        def wait():
            with files.lock("it"):
                got.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not got.wait(0.15)
        process.kill()
        assert got.wait(5)
        waiting.join()
    assert not caplog.records


def test_after_the_timeout_the_block_runs_without_the_lock(files, home, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.1)
    with hold(home) as process:
        with files.lock("it"):
            assert "can't lock" in caplog.text
        process.communicate(timeout=5)
    assert process.returncode == 0
