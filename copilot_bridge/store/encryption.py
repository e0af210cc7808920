"""Encrypts the secrets in the store.

The key is a setting, systemd's credential `copilot-bridge-key`, or a file of its own beside the database.  A
copy of the database alone gives no login away.
"""

import base64
import hmac
import logging
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_bridge.errors import ConfigError, StoreError
from copilot_bridge.private_files import make_directory, written_beside
from copilot_bridge.redaction import Secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

log = logging.getLogger(__name__)

KEY_FILE = "store.key"
CREDENTIAL = "copilot-bridge-key"
KEY_SIZE = 32  # bytes


class Encryptor:
    """Encrypts and decrypts with the key of the store.

    :param key: the key that the operator set, if any.
    :param home: the directory of the key file; None: the key lives as long as this process.
    :param shared: other machines use the store too, so the key has to be set.
    """

    def __init__(
        self,
        key: Secret,
        home: Path | None,
        environ: Mapping[str, str] = os.environ,
        *,
        shared: bool = False,
    ) -> None:
        self._given = key
        self._home = home
        self._shared = shared
        self._environ = environ

    def prepare(self) -> None:
        """Load the key.  Raises ConfigError, StoreError."""
        _ = self._fernet

    def encrypt(self, secret: str) -> str:
        return self.encrypt_bytes(secret.encode())

    def decrypt(self, encrypted: str) -> str | None:
        """Decrypt a text.  None: it was encrypted with another key."""
        content = self.decrypt_bytes(encrypted)
        return None if content is None else content.decode()

    def encrypt_bytes(self, content: bytes) -> str:
        return self._fernet.encrypt(content).decode()

    def decrypt_bytes(self, encrypted: str) -> bytes | None:
        """Decrypt bytes.  None: it was encrypted with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(encrypted)
        except (InvalidToken, ValueError):  # ValueError: it is not ASCII
            log.warning(
                "can't decrypt a secret in the store: it was encrypted with another key than %s",
                self.location,
            )
            return None

    def derive_key(self, purpose: str) -> bytes:
        """A key for another purpose, which depends on the store's key but does not reveal it."""
        if len(self._master) != KEY_SIZE:
            _ = self._fernet  # raises ConfigError
        # HKDF of RFC 5869 for a single block, without the library, which takes a page's time to load.
        extracted = hmac.digest(bytes(KEY_SIZE), self._master, "sha256")
        return hmac.digest(extracted, f"copilot-bridge {purpose}".encode() + b"\x01", "sha256")

    @cached_property
    def _master(self) -> bytes:
        """The bytes of the key; b"": it is no base64."""
        try:
            return base64.urlsafe_b64decode(self._fernet_key)
        except ValueError:
            return b""

    @property
    def location(self) -> str:
        """The source of the key, for messages."""
        if self._given:
            return "the setting store-key"
        if credential := self._credential():
            return str(credential)
        return str(self._home / KEY_FILE) if self._home else "memory only"

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # here, as it is half of a command's start-up time

        try:
            return Fernet(self._fernet_key)
        except ValueError as error:
            raise ConfigError(
                f"invalid store key ({self.location}): expected 32 bytes in base64; "
                "`openssl rand -base64 32` prints such a key"
            ) from error

    @cached_property
    def _fernet_key(self) -> bytes:
        """The key in the URL-safe alphabet of base64, which Fernet expects."""
        return self._raw_key().strip().replace(b"+", b"-").replace(b"/", b"_")

    def _raw_key(self) -> bytes:
        if self._given:
            return self._given.reveal().encode()
        try:
            if credential := self._credential():
                return credential.read_bytes()
            if self._shared:
                raise ConfigError(
                    "machines that share a database need the same COPILOT_BRIDGE_STORE_KEY "
                    "(`openssl rand -base64 32` prints one)"
                )
            if self._home is None:
                return new_key()
            path = self._home / KEY_FILE
            return path.read_bytes() if path.exists() else make_key_file(path, new_key())
        except OSError as error:
            raise StoreError(f"can't use the key of the store {self.location}: {error.strerror}") from error

    def _credential(self) -> Path | None:
        """The file of systemd's credential, if there is one (https://systemd.io/CREDENTIALS/)."""
        folder = self._environ.get("CREDENTIALS_DIRECTORY")
        path = Path(folder) / CREDENTIAL if folder else None
        return path if path and path.is_file() else None


def new_key() -> bytes:
    return base64.urlsafe_b64encode(os.urandom(KEY_SIZE))


def make_key_file(path: Path, key: bytes) -> bytes:
    """The key in the file.  Of several processes that make the file at once, the first one's key counts."""
    make_directory(path.parent)
    with written_beside(path, key) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_bytes()
    return key
