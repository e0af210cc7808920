"""Which credentials identify which caller, and that doubt rejects a request."""

import contextlib
import hmac
import sqlite3
import time
from pathlib import Path

import pytest

from copilot_bridge.access import authentication as module
from copilot_bridge.access import reloading_cache
from copilot_bridge.access.authentication import (
    LOCAL_OPERATOR,
    Authenticator,
    read_credentials,
    require_keys_when_public,
)
from copilot_bridge.access.rates import RateLimit
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, ConfigError, InvalidRequest, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, SHARE, Key

GITHUB = "ghu_EXAMPLE0000000000000000000000000000"


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    yield store
    store.close()


def make(store, clock=time.time, **settings):
    return Authenticator(Config(**settings), store.keys, store.changes, clock)


def refused(authenticator, *given, local=True, kind="authentication"):
    with pytest.raises(BridgeError) as caught:
        authenticator.authenticate(given, local=local)
    assert caught.value.kind == kind
    for credential in given:
        assert not credential or credential not in str(caught.value)
    return str(caught.value)


def test_without_keys_only_local_requests_are_the_operators(store):
    authenticator = make(store)
    assert authenticator.authenticate([], local=True) is LOCAL_OPERATOR
    assert authenticator.authenticate(["anything"], local=True) is LOCAL_OPERATOR
    assert "copilot-bridge keys add" in refused(authenticator, local=False)
    assert make(store, insecure_no_key=True).authenticate([], local=False) is LOCAL_OPERATOR


def test_a_key_of_the_settings_belongs_to_the_operator(store):
    authenticator = make(store, api_key=(Secret("one"), Secret("two")))
    first, second = (
        authenticator.authenticate(["one"], local=False),
        authenticator.authenticate(["two"], local=False),
    )
    assert first.operator
    assert first.id != second.id
    assert authenticator.authenticate(["wrong", "two"], local=True) == second
    for given in ([], [""], ["three"], ["One"], ["one "], ["x" * 100_000], ["ü"]):
        refused(authenticator, *given)


def test_insecure_no_key_does_not_disable_configured_keys(store):
    refused(make(store, api_key=(Secret("one"),), insecure_no_key=True))


def test_a_share_token_uses_its_github_token(store):
    authenticator = make(store, share_token=((Secret("share-a"), Secret(GITHUB)),))
    caller = authenticator.authenticate(["share-a"], local=False)
    assert caller.github_token == Secret(GITHUB)
    assert not caller.operator
    assert "share-a" not in caller.id
    refused(authenticator, "share-b")


def test_a_callers_github_token_is_accepted_where_allowed(store):
    authenticator = make(store, allow_github_tokens=True)
    for given in (GITHUB, "gho_EXAMPLE00", "github_pat_EXAMPLE00"):
        caller = authenticator.authenticate([given], local=False)
        assert caller.github_token == Secret(given)
        assert not caller.operator
        assert given[-12:] not in caller.id
    for given in ("ghp_EXAMPLE0000", "ghu_", f"{GITHUB} x", f"{GITHUB}\n", "ghu_" + "x" * 5000):
        refused(authenticator, given)
    refused(authenticator)
    refused(make(store, api_key=(Secret("one"),)), GITHUB)


def test_a_stored_key_finds_its_caller(store):
    authenticator = make(store)
    assert authenticator.authenticate([], local=True) is LOCAL_OPERATOR
    given = Key("friend", KEY, b"", account="octo", models=("claude-*", "gpt-4.1"), rate="30/minute")
    secret = store.keys.add(given)
    caller = authenticator.authenticate([secret], local=False)
    assert (caller.id, caller.account, caller.rate_limit) == ("key:friend", "octo", RateLimit(30, 60))
    assert not caller.operator
    assert caller.may_use("claude-sonnet-4.5")
    assert caller.may_use("gpt-4.1")
    assert not caller.may_use("gpt-4.1-mini")
    refused(authenticator)
    with pytest.raises(InvalidRequest, match="already"):
        store.keys.add(given)


def test_only_a_hash_is_stored(store, tmp_path):
    secret = store.keys.add(Key("a", KEY, b""))
    assert secret.startswith("cbk_")
    assert len(secret) > 40
    assert store.keys.add(Key("b", SHARE, b"")).startswith("share-")
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_rotating_and_revoking_take_effect_at_once(store, tmp_path, monkeypatch):
    monkeypatch.setattr(reloading_cache, "MAX_AGE", 1e9)
    monkeypatch.setattr(reloading_cache, "RELOAD_AGE", 1e9)
    elsewhere = open_store(tmp_path)  # the command line, another worker
    authenticator = make(store)
    old = elsewhere.keys.add(Key("a", KEY, b"", rate="1/s"))
    assert authenticator.authenticate([old], local=False).id == "key:a"
    new = elsewhere.keys.rotate("a", KEY)
    assert authenticator.authenticate([new], local=False).rate_limit == RateLimit(1, 1)
    refused(authenticator, old)
    assert elsewhere.keys.rotate("nobody", KEY) is None
    assert elsewhere.keys.rotate("a", SHARE) is None
    assert not elsewhere.keys.revoke("a", SHARE)
    assert elsewhere.keys.revoke("a", KEY)
    assert not elsewhere.keys.revoke("a", KEY)
    refused(authenticator, new, local=False)
    elsewhere.close()


def test_an_expired_key_is_rejected(store):
    now = [1000.0]
    authenticator = make(store, clock=lambda: now[0])
    secret = store.keys.add(Key("a", KEY, b"", expires=2000))
    assert authenticator.authenticate([secret], local=False).id == "key:a"
    now[0] = 2000.0
    refused(authenticator, secret)
    refused(authenticator)


def test_requests_do_not_each_read_the_store(store, monkeypatch):
    monkeypatch.setattr(reloading_cache, "MAX_AGE", 1e9)
    monkeypatch.setattr(reloading_cache, "RELOAD_AGE", 1e9)
    authenticator = make(store)
    secret = store.keys.add(Key("a", KEY, b""))
    authenticator.authenticate([secret], local=False)
    monkeypatch.setattr(store.keys, "all", lambda: pytest.fail("the store was asked"))
    for _ in range(100):
        authenticator.authenticate([secret], local=False)


def test_keys_are_compared_in_constant_time(store, monkeypatch):
    compared = []
    monkeypatch.setattr(
        module.hmac, "compare_digest", lambda one, two: compared.append((one, two)) or one == two
    )
    make(store, api_key=(Secret("one"),)).authenticate(["one"], local=False)
    ((one, two),) = compared
    assert len(one) == len(two) == 32
    assert hmac is module.hmac


def broken(*_args):
    raise StoreError("can't use the store: malformed")


def test_a_broken_store_does_not_disable_keys(store, tmp_path, monkeypatch, caplog):
    """A process that has read the keys keeps them; one that starts later rejects everything."""
    monkeypatch.setattr(reloading_cache, "MAX_AGE", 0)
    monkeypatch.setattr(reloading_cache, "RELOAD_AGE", 0)
    secret = store.keys.add(Key("a", KEY, b""))
    authenticator = make(store)
    authenticator.authenticate([secret], local=True)
    monkeypatch.setattr(store.database, "read", broken)
    assert authenticator.authenticate([secret], local=True).id == "key:a"
    refused(authenticator, kind="unavailable")
    later = make(store)
    for _ in range(3):
        refused(later, secret, kind="unavailable")
    refused(later, kind="unavailable")
    assert caplog.text.count("malformed") == 2


def test_a_store_broken_from_the_start_that_never_had_keys_requires_none(store, monkeypatch):
    monkeypatch.setattr(store.database, "read", broken)
    assert make(store).authenticate([], local=True) is LOCAL_OPERATOR
    assert make(store, api_key=(Secret("one"),)).authenticate(["one"], local=True).operator


def test_an_unreadable_flag_file_still_requires_keys(store, tmp_path, monkeypatch):
    store.keys.add(Key("a", KEY, b""))
    monkeypatch.setattr(Path, "exists", lambda _self: (_ for _ in ()).throw(PermissionError()))
    assert store.keys.required


EMPTIED = {
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "replaced": lambda path: replace_by_another(path),
    "its rows deleted": lambda path: delete_rows(path),
    "no database": lambda path: path.write_bytes(b"no database at all" * 100),
}


def replace_by_another(path):
    other = open_store(path.parent / "other")
    assert other.keys.all() == []
    other.close()
    (path.parent / "other" / path.name).replace(path)


def delete_rows(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM keys")
        connection.commit()


@pytest.mark.parametrize("how", EMPTIED)
def test_a_database_that_lost_its_keys_does_not_disable_keys(tmp_path, caplog, how):
    before = open_store(tmp_path)
    secret = before.keys.add(Key("a", KEY, b""))
    before.close()
    for path in tmp_path.glob("bridge.db-*"):
        path.unlink()
    EMPTIED[how](tmp_path / "bridge.db")
    after = open_store(tmp_path)
    authenticator = make(after)
    for given in ((), (secret,), ("anything",)):
        refused(authenticator, *given, kind="unavailable" if how == "no database" else "authentication")
    assert authenticator.requires_key
    assert "keys-required" in caplog.text or "not a database" in caplog.text
    assert "keys clear" in authenticator.problem or how == "no database"
    after.close()


def test_clearing_the_keys_allows_requests_without_one(tmp_path):
    store = open_store(tmp_path)
    store.keys.add(Key("a", KEY, b""))
    delete_rows(tmp_path / "bridge.db")
    authenticator = make(store)
    refused(authenticator)
    assert store.keys.clear() == 0
    assert authenticator.authenticate([], local=True) is LOCAL_OPERATOR
    assert authenticator.problem == ""
    store.close()


def test_a_new_key_works_after_the_others_were_lost(store, tmp_path):
    old = store.keys.add(Key("a", KEY, b""))
    delete_rows(tmp_path / "bridge.db")
    authenticator = make(store)
    new = store.keys.add(Key("b", KEY, b""))
    assert authenticator.authenticate([new], local=False).id == "key:b"
    refused(authenticator, old)


def test_another_bridges_database_does_not_disable_keys(tmp_path):
    store = open_store(tmp_path)
    store.keys.add(Key("a", KEY, b""))
    other = open_store(tmp_path / "other")
    other.keys.add(Key("b", KEY, b""))
    other.keys.revoke("b", KEY)
    other.close()
    store.close()
    for path in tmp_path.glob("bridge.db-*"):
        path.unlink()
    (tmp_path / "other" / "bridge.db").replace(tmp_path / "bridge.db")
    refused(make(open_store(tmp_path)))


@pytest.mark.parametrize("kind", [KEY, SHARE])
def test_a_reused_name_is_another_caller(store, kind):
    """Conversations, log rows and limits are stored under the caller's id."""
    authenticator = make(store)

    def identity():
        return authenticator.authenticate([store.keys.add(Key("ada", kind, b""))], local=False).id

    first = identity()
    assert first == f"{kind}:ada"
    assert authenticator.authenticate([store.keys.rotate("ada", kind)], local=False).id == first, (
        "the same with a new key"
    )
    store.keys.revoke("ada", kind)
    second = identity()
    store.keys.clear()
    assert len({first, second, identity()}) == 3


def test_a_name_from_before_generations_keeps_its_id(tmp_path):
    """The log shows that such a key has existed and was revoked."""
    store = open_store(tmp_path)
    store.database.run(
        lambda transaction: (
            transaction.change("DELETE FROM key_names"),
            transaction.change("INSERT INTO key_names VALUES ('ada', 1)"),
        )
    )
    assert make(store).authenticate([store.keys.add(Key("ada", KEY, b""))], local=False).id == "key:ada#2"
    store.close()


def test_revoking_the_last_key_allows_requests_without_one(store):
    store.keys.add(Key("a", KEY, b""))
    store.keys.revoke("a", KEY)
    assert make(store).authenticate([], local=True) is LOCAL_OPERATOR


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "work.lan"])
def test_listening_for_other_machines_requires_a_key(store, host):
    def check(**settings):
        config = Config(host=host, **settings)
        require_keys_when_public(config, Authenticator(config, store.keys, store.changes))

    with pytest.raises(ConfigError, match=r"copilot-bridge keys add NAME.*--insecure-no-key"):
        check()
    check(insecure_no_key=True)
    check(api_key=(Secret("x"),))
    check(share_token=((Secret("share-x"), Secret("ghu_x")),))
    check(allow_github_tokens=True)
    store.keys.add(Key("a", KEY, b""))
    check()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_listening_on_loopback_requires_no_key(store, host):
    config = Config(host=host)
    require_keys_when_public(config, Authenticator(config, store.keys, store.changes))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ((None, None), []),
        (("Bearer a", "b"), ["a", "b"]),
        (("bearer  a ",), ["a"]),
        (("a",), ["a"]),
        (("Basic eDp5",), ["Basic eDp5"]),
        (("Bearer ", ""), ["Bearer"]),
    ],
)
def test_credentials_are_read_from_each_header(headers, found):
    assert read_credentials(headers) == found
