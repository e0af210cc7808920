"""Small encrypted objects in the store, such as Copilot tokens, which all processes and restarts share."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import orjson

from copilot_bridge.errors import StoreError
from copilot_bridge.store.database import Database, Transaction
from copilot_bridge.store.encryption import Encryptor

log = logging.getLogger(__name__)


class KeyValueStore:
    """JSON objects by name, encrypted."""

    def __init__(self, database: Database, encryptor: Encryptor) -> None:
        self._database = database
        self._encryptor = encryptor

    def read(self, name: str) -> dict[str, Any] | None:
        """Read an object.  None: there is no such object, or it can't be read, which is logged."""

        def find(transaction: Transaction) -> list[Any]:
            return transaction.rows("SELECT content FROM key_values WHERE name = ?", name)

        try:
            rows = self._database.read(find)
            opened = self._encryptor.decrypt(rows[0][0]) if rows else None
            content = orjson.loads(opened) if opened else None
        except (StoreError, orjson.JSONDecodeError) as error:
            log.warning("%s", error)
            return None
        return content if isinstance(content, dict) else None

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write an object.  Raises StoreError."""
        encrypted = self._encryptor.encrypt(orjson.dumps(dict(content)).decode())

        def put(transaction: Transaction) -> None:
            transaction.change(
                "INSERT INTO key_values (name, content, written) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET content = excluded.content, written = excluded.written",
                name,
                encrypted,
                transaction.now(),
            )

        self._database.run(put)

    def remove(self, name: str) -> None:
        self._database.run(
            lambda transaction: transaction.change("DELETE FROM key_values WHERE name = ?", name)
        )

    def prune(self, prefix: str, older: float) -> None:
        """Remove the objects with this prefix that are `older` than so many seconds.  Raises StoreError."""
        self._database.run(
            lambda transaction: transaction.change(
                "DELETE FROM key_values WHERE name >= ? AND name < ? AND written < ?",
                prefix,
                prefix + "\U0010ffff",
                transaction.now() - older,
            )
        )

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._database.lock(name)
