"""Secrets, sealed before they are written down.

The key is given (a setting, or systemd's credential `copilot-bridge-key`), or lies in a file of its own
beside the database: a copy of the database alone gives nobody's login away.
"""

import base64
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


class Encryptor:
    """:param key: given by the operator.  :param home: where the key file is; None: one for this process.
    :param shared: with other machines: then it has to be given.
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

    def decrypt(self, sealed: str) -> str | None:
        """None if it was sealed with another key."""
        content = self.decrypt_bytes(sealed)
        return None if content is None else content.decode()

    def encrypt_bytes(self, content: bytes) -> str:
        return self._fernet.encrypt(content).decode()

    def decrypt_bytes(self, sealed: str) -> bytes | None:
        """None if it was sealed with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed)
        except (InvalidToken, ValueError):  # ValueError: it is no text
            log.warning(
                "a secret in the store can't be read: the key (%s) is not the one it was sealed with",
                self.location,
            )
            return None

    def derive_key(self, purpose: str) -> bytes:
        """A key for something else, the same for all who have this one; it does not give this one away."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        _ = self._fernet  # raises ConfigError for what is no key
        master = base64.urlsafe_b64decode(self._fernet_key)
        return HKDF(SHA256(), 32, salt=None, info=f"copilot-bridge {purpose}".encode()).derive(master)

    @property
    def location(self) -> str:
        """Where the key comes from, for people."""
        if self._given:
            return "the setting store-key"
        if credential := self._credential():
            return str(credential)
        return str(self._home / KEY_FILE) if self._home else "memory only"

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # here: half of a command's start-up time

        try:
            return Fernet(self._fernet_key)
        except ValueError as error:
            raise ConfigError(
                f"the key of the store ({self.location}) is none: expected 32 bytes in base64, as "
                "`openssl rand -base64 32` prints them"
            ) from error

    @cached_property
    def _fernet_key(self) -> bytes:
        """In the alphabet of Fernet, whichever it was given in."""
        return self._raw_key().strip().replace(b"+", b"-").replace(b"/", b"_")

    def _raw_key(self) -> bytes:
        from cryptography.fernet import Fernet

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
                return Fernet.generate_key()
            path = self._home / KEY_FILE
            return path.read_bytes() if path.exists() else make_key_file(path, Fernet.generate_key())
        except OSError as error:
            raise StoreError(f"can't use the key of the store {self.location}: {error.strerror}") from error

    def _credential(self) -> Path | None:
        """https://systemd.io/CREDENTIALS/"""
        folder = self._environ.get("CREDENTIALS_DIRECTORY")
        path = Path(folder) / CREDENTIAL if folder else None
        return path if path and path.is_file() else None


def make_key_file(path: Path, key: bytes) -> bytes:
    """The key in the file.  Of several processes that make the file at once, the first one's key counts."""
    make_directory(path.parent)
    with written_beside(path, key) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_bytes()
    return key
