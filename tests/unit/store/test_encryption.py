"""Encrypted values can be decrypted with their key and with no other."""

import base64
import os
import stat
import threading

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from copilot_bridge.errors import ConfigError, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.encryption import KEY_FILE, Encryptor

KEY = base64.b64encode(bytes(range(224, 256))).decode()  # with + and / in it


def encryptor(home, key="", **environ):
    return Encryptor(Secret(key), home, environ)


def test_a_secret_is_decrypted_as_it_was_encrypted(tmp_path):
    sealed = encryptor(tmp_path).encrypt("ghu_geheim ü")
    assert "geheim" not in sealed
    assert encryptor(tmp_path).decrypt(sealed) == "ghu_geheim ü"


def test_the_key_file_is_private_and_made_once(tmp_path):
    before = os.umask(0)
    try:
        encryptor(tmp_path / "home").encrypt("x")
    finally:
        os.umask(before)
    (path,) = (tmp_path / "home").iterdir()
    assert path.name == KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(path.read_bytes())) == 32


def test_processes_that_make_a_key_at_once_have_the_same(tmp_path):
    vaults, sealed, start = [encryptor(tmp_path) for _ in range(8)], [], threading.Barrier(8)

    def work(vault):
        start.wait()
        sealed.append(vault.encrypt("x"))

    threads = [threading.Thread(target=work, args=(vault,)) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [encryptor(tmp_path).decrypt(ciphertext) for ciphertext in sealed] == ["x"] * 8
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_given_key_needs_no_file(tmp_path):
    sealed = encryptor(tmp_path, KEY).encrypt("x")
    assert list(tmp_path.iterdir()) == []
    assert encryptor(tmp_path, KEY).decrypt(sealed) == "x"
    assert encryptor(tmp_path).decrypt(sealed) is None


def test_the_key_may_be_a_systemd_credential(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "copilot-bridge-key").write_text(KEY + "\n")
    one = encryptor(tmp_path / "home", CREDENTIALS_DIRECTORY=str(credentials))
    assert encryptor(tmp_path, KEY).decrypt(one.encrypt("x")) == "x"
    assert not (tmp_path / "home").exists()
    assert one.location == str(credentials / "copilot-bridge-key")


def test_credentials_without_the_key_are_ignored(tmp_path):
    encryptor(tmp_path / "home", CREDENTIALS_DIRECTORY=str(tmp_path)).encrypt("x")
    assert (tmp_path / "home" / KEY_FILE).exists()


@pytest.mark.parametrize("key", ["short", "x" * 44, base64.b64encode(bytes(31)).decode()])
def test_an_invalid_key_is_a_config_error(tmp_path, key):
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        encryptor(tmp_path, key).encrypt("x")


def test_a_key_file_that_can_not_be_read_is_a_store_error(tmp_path):
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(StoreError, match=KEY_FILE):
        encryptor(tmp_path).encrypt("x")


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "ü"])
def test_text_that_was_never_encrypted_is_none(tmp_path, sealed, caplog):
    assert encryptor(tmp_path).decrypt(sealed) is None
    assert "can't decrypt" in caplog.text


def test_no_secret_is_in_the_database_file(tmp_path):
    store = open_store(tmp_path)
    store.logins.add("a", Secret("ghu_verysecret"), "https://api.github.com")
    store.key_values.write("tokens/x", {"value": "tid=verysecret"})
    written = b"".join(path.read_bytes() for path in tmp_path.glob("bridge.db*"))
    assert b"verysecret" not in written
    assert store.key_values.read("tokens/x") == {"value": "tid=verysecret"}
    store.close()


def test_a_store_in_memory_writes_no_key_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    store = open_store(tmp_path / "home", persistent=False)
    store.logins.add("a", Secret("ghu_a"), "https://api.github.com")
    assert store.logins.in_use("https://api.github.com").token == Secret("ghu_a")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("given", ["other/place.db", "folder"])
def test_the_key_is_beside_the_database(tmp_path, given):
    (tmp_path / "folder").mkdir()
    store = open_store(tmp_path / "home", path=tmp_path / given)
    store.logins.add("a", Secret("ghu_a"), "https://api.github.com")
    store.close()
    assert (tmp_path / given).exists()
    assert not (tmp_path / "home" / "bridge.db").exists()


def test_derived_keys_differ_by_purpose_and_key(tmp_path):
    one = encryptor(tmp_path).derive_key("pages")
    assert one == encryptor(tmp_path).derive_key("pages"), "the same in each process"
    assert len(one) == 32
    others = {
        encryptor(tmp_path).derive_key("other"),
        encryptor(tmp_path, KEY).derive_key("pages"),
        (tmp_path / KEY_FILE).read_bytes(),
    }
    assert one not in others
    with pytest.raises(ConfigError):
        encryptor(tmp_path, "none").derive_key("pages")


def test_derived_keys_are_those_of_the_standard(tmp_path):
    """By the library's HKDF, which earlier versions used: sessions and ids depend on them."""
    hkdf = HKDF(SHA256(), 32, salt=None, info=b"copilot-bridge pages")
    assert encryptor(tmp_path, KEY).derive_key("pages") == hkdf.derive(base64.b64decode(KEY))
