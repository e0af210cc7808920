"""Keys, share tokens and logins on the command line."""

import re

import pytest
from integration.harness import new_token

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.approvals import APPROVED, DENIED, PendingRequest
from copilot_bridge.store.keys import digest_of


@pytest.fixture
def log_in(home, simulator):
    def store(*users, host=simulator.url):
        kept = open_store(home)
        for user in users:
            kept.logins.add(user, Secret(new_token()), host)
        kept.close()

    return store


def stored(home):
    kept = open_store(home)
    found = {key.name: key for key in kept.keys.all()}
    kept.close()
    return found


def test_a_key_is_shown_once_and_can_be_revoked(run, home, log_in):
    log_in("octo-demo")
    options = [
        "--account",
        "octo-demo",
        "--models",
        "claude-*, gpt-4.1",
        "--rate",
        "30/minute",
        "--expires",
        "30d",
        "--no-web",
    ]
    made = run("keys", "add", "alice", *options)
    assert re.fullmatch(r"cbk_[\w-]{43}\n", made.out)
    assert "not shown again" in made.err
    key = stored(home)["alice"]
    assert key.digest == digest_of(made.out.strip())
    assert (key.account, key.models, key.rate) == ("octo-demo", ("claude-*", "gpt-4.1"), "30/minute")
    assert not key.web
    assert key.expires - key.created == pytest.approx(30 * 86_400, abs=2)
    rows = run("keys", "list").rows
    assert rows[0][:5] == ["NAME", "ACCOUNT", "MODELS", "RATE", "MADE"]
    assert rows[1][:4] == ["alice", "octo-demo", "claude-*, gpt-4.1", "30/minute"]
    assert rows[1][-1] == "no web"
    assert made.out.strip() not in run("keys", "list").out

    again = run("keys", "rotate", "alice").out
    assert again != made.out
    assert stored(home)["alice"].digest == digest_of(again.strip())
    assert stored(home)["alice"].models == key.models
    assert run("keys", "revoke", "alice").out == "Revoked alice.\n"
    assert stored(home) == {}
    assert run("keys", "list").out.startswith("No key is stored.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["keys", "add", "a", "--rate", "fast"], "like 30/minute"),
        (["keys", "add", "a", "--expires", "soon"], "like 30d"),
        (["keys", "add", "a", "--account", "nobody"], "no login of 'nobody'"),
        (["keys", "add", ""], "1 to 64"),
        (["keys", "revoke", "a"], "no key named 'a'"),
        (["keys", "rotate", "a"], "no key named 'a'"),
        (["share-token", "revoke", "a"], "no share named 'a'"),
        (["share-token", "new", "--account", "nobody"], "no login of 'nobody'"),
        (["auth", "use", "nobody"], "no login of 'nobody'"),
    ],
    ids=" ".join,
)
def test_invalid_keys_are_refused(run, home, arguments, words):
    assert words in run(*arguments).line
    assert stored(home) == {}


def test_clear_revokes_all_keys_after_a_confirmation(run, home):
    run("keys", "add", "a")
    assert "--yes" in run("keys", "clear").line
    assert stored(home)
    assert run("keys", "clear", "--yes").out.startswith("Revoked 1.")
    assert stored(home) == {}
    assert not (home / "keys-required").exists()


def test_lost_keys_are_reported(run, home):
    run("keys", "add", "a")
    (home / "bridge.db").unlink()
    done = run("keys", "list")
    assert "keys-required" in done.err
    assert "keys clear" in done.err


def test_a_name_that_would_be_a_successors(run):
    assert "does not end with #" in run("keys", "add", "a#2").line


def test_a_taken_name_is_refused(run):
    assert run("keys", "add", "a").code == 0
    assert "already" in run("keys", "add", "a").line


def test_share_tokens_are_created_and_listed(run, home, log_in):
    log_in("octo-demo")
    made = run("share-token", "new", "--account", "octo-demo")
    assert re.fullmatch(r"share-[\w-]{43}\n", made.out)
    (name,) = stored(home)
    assert name in made.err
    assert [row[:2] for row in run("share-token", "list").rows[1:]] == [[name, "octo-demo"]]
    assert run("keys", "list").out.startswith("No key is stored.")
    assert run("share-token", "revoke", name).code == 0
    assert stored(home) == {}


def test_random_share_tokens_differ_and_are_not_stored(run, home):
    one, two = run("gen-share-token").out, run("gen-share-token").out
    assert re.fullmatch(r"share-[\w-]{43}\n", one)
    assert one != two
    assert not home.exists()


def test_the_default_login_can_be_changed(run, log_in):
    log_in("octo-a", "octo-b")
    assert [row[0] for row in run("auth", "list").rows[1:]] == ["octo-a", "*"]
    assert "default login now" in run("auth", "use", "octo-a").out
    assert run("auth", "list").rows[-1][:2] == ["*", "octo-a"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_start_without_a_lock_on_the_door(run_process, host):
    token = new_token()
    arguments = ["start", "--port", "0", "--host", host, "-g", token]
    line = run_process(*arguments).line
    assert "copilot-bridge keys add NAME" in line
    assert "--insecure-no-key" in line


def test_debug_hides_keys_given_as_options(run_process, run):
    shown = run(
        "debug", "--api-key", "one-secret", "--api-key", "two-secret", "--share-token", "share-a:ghu_abc"
    ).out
    assert re.search(r"^api_key +\*\*\*,\*\*\* +option --api-key", shown, re.MULTILINE)
    assert "secret" not in shown.replace("secrets", "")
    assert "ghu_abc" not in shown


def test_approvals_are_listed_approved_and_denied(run, home):
    kept = open_store(home)
    for number in range(2):
        kept.approvals.add(PendingRequest(f"{number}abc", "key:a", "gpt-4o", "hello\x1b[31m", 1500))
    rows = run("approvals").rows
    assert rows[0] == ["ID", "CALLER", "MODEL", "SIZE", "WAITS", "PROMPT"]
    assert [row[:4] for row in rows[1:]] == [
        [f"{number}abc", "key:a", "gpt-4o", "1.5 kB"] for number in range(2)
    ]
    assert "no waiting requests" in run("approvals", "approve", "x").line
    assert "begin" in run("approvals", "deny", "").line
    assert run("approvals", "approve", "0ab").out == "Approved.\n"
    assert run("approvals", "deny", "1").out == "Denied.\n"
    assert [kept.approvals.poll(f"{number}abc") for number in range(2)] == [APPROVED, DENIED]
    assert run("approvals", "list").out == "No request is waiting.\n"
    kept.close()


def test_weak_and_lost_keys_are_reported_once(run, home):
    run("keys", "add", "a")
    (home / "bridge.db").unlink()
    message = run("start", "--check", "--api-key", "a").err
    assert message.count("keys clear") == 1
    assert message.count("can be guessed") == 1
    assert "can be guessed" not in run("start", "--check", "--api-key", "sixteen-chars-ok").err
