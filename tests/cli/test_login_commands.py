"""Logins are listed, removed and taken over, and a store that is damaged is reported."""

from integration.harness import new_token

from copilot_bridge.store.files import JsonFiles
from tests.cli.command_lines import debug


def test_commands_without_a_login_say_so(run):
    assert run("auth", "list").out == "No login is stored.  `copilot-bridge auth` logs in.\n"
    for arguments in (["auth", "token"], ["models"], ["check-usage"]):
        assert "copilot-bridge auth" in run(*arguments).line
    assert "'x'" in run("auth", "remove", "x").line


def test_logins_are_listed_and_removed(run, log_in, simulator):
    log_in("free")
    token = log_in("demo")
    rows = run("auth", "list").rows
    assert rows[0] == ["USER", "HOST", "TOKEN", "SINCE"]
    assert [row[-4] for row in rows[1:]] == ["octo-free", "octo-demo"]
    assert rows[2][0] == "*"
    assert rows[2][2] == simulator.url
    assert rows[2][3] == f"ghu_***{token[-4:]}"
    assert token in run("auth", "list", "--show-token").out
    assert run("auth", "token").out == f"{token}\n"
    assert run("check-usage").out.startswith("octo-demo")
    assert "octo-demo" in run("auth", "remove", "octo-demo").out
    assert run("check-usage").out.startswith("octo-free")


def test_a_login_of_an_unreadable_date_is_listed(run, log_in, home):
    row = {"user": "octo-demo", "token": "ghu_x", "host": "https://api.github.com", "added": 10**18}
    JsonFiles(home).write("logins", {"logins": [row]})
    assert "octo-demo" in run("auth", "list").out


def test_the_given_token_wins_over_the_login(run, log_in):
    log_in("demo")
    assert run("auth", "token", "-g", "ghu_given").out == "ghu_given\n"


def test_a_home_that_can_not_be_changed_is_reported(run, log_in, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("auth", "remove", "x", "--home", tmp_path / "file" / "home")
    assert "can't use the store" in result.line
    assert result.line.endswith("Not a directory")


def test_logins_of_an_older_version_are_taken_over(run, home, simulator):
    """They are taken over, and no secret stays in a file that anybody could read."""
    row = {"user": "octo-demo", "token": new_token(), "host": simulator.url, "added": 1_700_000_000}
    JsonFiles(home).write("logins", {"logins": [row]})
    assert run("check-usage").out.startswith("octo-demo")
    assert run("auth", "token").out == f"{row['token']}\n"
    assert not (home / "logins.json").exists()
    assert row["token"].encode() not in b"".join(path.read_bytes() for path in home.glob("bridge.db*"))


def test_a_damaged_store_stops_only_commands_that_need_it(run, log_in, home, simulator):
    """Commands that need it say so in one line, the others go on, and `debug` shows it."""
    log_in()
    (home / "bridge.db").write_bytes(b"no database" * 1000)
    for path in home.glob("bridge.db-*"):
        path.unlink()
    assert "move it away to begin with a new one" in run("auth", "list").line
    token = new_token()
    assert run("check-usage", "-g", token).out.startswith("octo-demo")
    assert "not a database" in debug(run, "-g", token)["store"]["problem"]
    assert "not a database" in run("debug", "-g", token).out


def test_a_damaged_file_of_logins_is_reported(run, log_in, home):
    log_in()
    (home / "logins.json").write_text("{")
    result = run("auth", "list")
    assert result.code == 0
    assert str(home / "logins.json") in result.err
