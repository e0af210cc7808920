"""Stored logins: none is lost by concurrent writers or by damaged files."""

import subprocess
import sys

import pytest

from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.files import JsonFiles

API, GHE = "https://api.github.com", "https://api.octo.ghe.com"

WRITER = """
import sys
from pathlib import Path
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
logins = open_store(Path(sys.argv[1])).logins
sys.stdin.readline()
for number in range(6):
    logins.add(f"octo-{sys.argv[2]}-{number}", Secret("ghu_EXAMPLE"), "https://api.github.com")
"""


@pytest.fixture
def files(tmp_path):
    return JsonFiles(tmp_path)


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def logins(store):
    return store.logins


def add(logins, *users, host=API):
    for user in users:
        logins.add(user, Secret(f"ghu_{user}"), host)


def names(logins):
    return [login.user for login in logins.all()]


def test_a_new_store_has_no_login(logins):
    assert logins.all() == []
    assert logins.in_use(API) is None
    assert not logins.remove("octocat", API)


def test_the_last_login_added_is_in_use(logins, tmp_path):
    add(logins, "a", "b")
    assert logins.in_use(API).user == "b"
    assert logins.in_use(API).token == Secret("ghu_b")
    assert logins.in_use(API).added > 1_700_000_000
    add(logins, "a")
    assert sorted(names(logins)) == ["a", "b"]
    other = open_store(tmp_path)
    assert other.logins.in_use(API).user == "a"
    other.close()


def test_a_chosen_login_is_in_use(logins):
    add(logins, "a", "b", "c")
    assert logins.use("a", API)
    assert logins.in_use(API).user == "a"
    assert not logins.use("nobody", API)
    assert not logins.use("a", GHE)
    assert names(logins) == ["b", "c", "a"]
    assert logins.find("b").token == Secret("ghu_b")
    assert logins.find("nobody") is None


def test_a_new_token_replaces_the_users_old_one(logins):
    add(logins, "a")
    logins.add("a", Secret("ghu_new"), API)
    assert [login.token for login in logins.all()] == [Secret("ghu_new")]


def test_a_login_serves_its_own_host_only(logins):
    add(logins, "a")
    add(logins, "b", host=GHE)
    assert logins.in_use(API).user == "a"
    assert logins.in_use(GHE).user == "b"
    assert logins.in_use("https://api.github.com.evil.example") is None


def test_the_same_user_on_two_hosts_is_two_logins(logins):
    """GitHub with data residency has user names of its own."""
    add(logins, "octocat")
    logins.add("octocat", Secret("ghu_ghe"), GHE)
    assert logins.in_use(API).token == Secret("ghu_octocat")
    assert logins.in_use(GHE).token == Secret("ghu_ghe")


def test_a_removed_login_is_gone(logins):
    add(logins, "a", "b")
    assert logins.remove("b", API)
    assert logins.in_use(API).user == "a"
    assert not logins.remove("b", API)
    assert logins.remove("a", API)
    assert logins.in_use(API) is None


def test_removing_another_login_does_not_change_the_one_in_use(logins):
    add(logins, "a", "b", "c", "d")
    assert logins.in_use(API).user == "d"
    logins.remove("a", API)
    assert logins.in_use(API).user == "d"


def test_the_text_of_a_login_has_no_token(logins):
    add(logins, "a")
    assert "ghu_a" not in repr(logins.all())


ROW = {"user": "a", "token": "ghu_a", "host": API, "added": 1}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"logins": None},
        {"logins": {"a": ROW}},
        {"logins": [None, "a", 5, [], {}]},
        {"logins": [{**ROW, "token": 5}, {**ROW, "user": None}, {**ROW, "host": []}]},
    ],
)
def test_an_old_file_with_other_content_is_ignored(logins, files, content):
    files.write("logins", content)
    assert logins.all() == []
    assert logins.in_use(API) is None
    assert not logins.remove("a", API)
    add(logins, "a")
    assert logins.in_use(API).user == "a"


@pytest.mark.parametrize("added", ["yesterday", None, [], {}, "1773238125", 1.5])
def test_a_login_without_a_readable_date_is_taken_over(logins, files, added):
    files.write("logins", {"logins": [{**ROW, "added": added}]})
    assert logins.in_use(API).token == Secret("ghu_a")


def test_one_damaged_row_does_not_cost_the_others(logins, files):
    files.write("logins", {"logins": [ROW, "?", {**ROW, "user": "b"}, {"user": "c"}]})
    assert names(logins) == ["a", "b"]
    assert logins.remove("b", API)
    assert logins.in_use(API).user == "a"


def test_a_login_is_removed_from_one_host_only(logins):
    add(logins, "octocat")
    add(logins, "octocat", host=GHE)
    assert logins.remove("octocat", API)
    assert logins.in_use(API) is None
    assert logins.in_use(GHE).user == "octocat"
    assert not logins.remove("octocat", API)


def test_an_old_file_that_can_not_be_read_stays(logins, tmp_path):
    (tmp_path / "logins.json").write_bytes(b'{"logins": {"a"')
    assert logins.all() == []
    add(logins, "b")
    assert names(logins) == ["b"]
    assert (tmp_path / "logins.json").exists(), "what can't be read is not thrown away"


def test_the_file_of_an_older_version_is_taken_over(logins, files, tmp_path):
    files.write("logins", {"logins": [ROW, {**ROW, "user": "b", "token": "ghu_b"}]})
    files.write("tokens/abc", {"value": "tid=1"})
    assert names(logins) == ["a", "b"]
    assert logins.in_use(API).token == Secret("ghu_b")
    assert not (tmp_path / "logins.json").exists()
    assert not (tmp_path / "tokens").exists()


def test_an_old_file_that_can_not_be_removed_is_taken_over_once(logins, files, monkeypatch, caplog):
    def fail(*_args):
        raise ConfigError("Permission denied")

    monkeypatch.setattr(JsonFiles, "remove", fail)
    files.write("logins", {"logins": [ROW, {**ROW, "user": "b"}]})
    assert names(logins) == ["a", "b"]
    assert "can't be removed" in caplog.text
    assert logins.remove("a", API)
    assert names(logins) == ["b"]


def test_stored_logins_win_over_the_old_file(logins, files):
    logins.add("a", Secret("ghu_new"), API)
    files.write("logins", {"logins": [ROW]})
    assert [login.token for login in logins.all()] == [Secret("ghu_new")]


def test_a_login_encrypted_with_another_key_is_left_out(logins, tmp_path, caplog):
    add(logins, "a")
    (tmp_path / "store.key").unlink()
    other = open_store(tmp_path)
    assert other.logins.all() == []
    assert str(tmp_path / "store.key") in caplog.text
    other.logins.add("a", Secret("ghu_again"), API)
    assert other.logins.in_use(API).token == Secret("ghu_again")
    other.close()


def test_writers_in_several_processes_lose_no_login(logins, tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(number)], stdin=subprocess.PIPE)
        for number in range(4)
    ]
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=20)
        assert writer.returncode == 0
    assert sorted(names(logins)) == [f"octo-{writer}-{number}" for writer in range(4) for number in range(6)]
