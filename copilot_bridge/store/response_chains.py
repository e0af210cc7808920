"""Conversations that later requests may refer to: the only prompts and responses in the store.

A stored response is what one request added to its conversation, encrypted.  A chain is all responses that go
back to the same first one.  It lives as long as the youngest of them, which needs the others.  An object that
changes (a conversation of its own, a response that is being made) is a chain of one row, which is replaced.
"""

import logging
import secrets
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager

from msgspec import Struct

from copilot_bridge.store.database import Database, Transaction
from copilot_bridge.store.encryption import Encryptor

log = logging.getLogger(__name__)

MAX_RESPONSES = 100_000
DELETE_BATCH = 100  # responses that are deleted in one transaction
MAX_CHAIN_LENGTH = 100_000  # responses; a longer chain must be a cycle

INSERT_RESPONSE = (
    "INSERT INTO responses (id, chain, previous, until, content) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING"
)
UPSERT_CHAIN = (
    "INSERT INTO response_chains (id, until, responses, bytes) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO UPDATE"
    " SET until = excluded.until, responses = response_chains.responses + 1,"
    " bytes = response_chains.bytes + excluded.bytes"
)
# From the last response back to the first; only the last one must not have expired.
SELECT_CHAIN = f"""
    WITH RECURSIVE line (position, chain, previous, content) AS (
        SELECT 0, chain, previous, content FROM responses WHERE id = ? AND until > ?
        UNION ALL
        SELECT line.position + 1, responses.chain, responses.previous, responses.content
        FROM line JOIN responses ON responses.id = line.previous WHERE line.position < {MAX_CHAIN_LENGTH})
    SELECT chain, previous, content FROM line ORDER BY position DESC"""  # noqa: S608 - a constant of ours


class EncryptedResponse(Struct, frozen=True):
    """A response as it is stored.  `chain`: the first response's id.  `previous`: "" for the first one."""

    id: str
    chain: str
    previous: str
    content: str


class ResponseChainTable:
    """The chains in the store.  Raises StoreError.

    :param max_bytes: of all chains.  :param ttl: seconds that a response is kept.
    """

    def __init__(self, database: Database, encryptor: Encryptor, *, max_bytes: int, ttl: float) -> None:
        self._database = database
        self._encryptor = encryptor
        self._max_bytes = max_bytes
        self._ttl = ttl

    @property
    def persistent(self) -> bool:
        """Return whether other processes can read what this one writes."""
        return self._database.persistent

    def prepare(self) -> None:
        """Load the key before several threads do.  Raises ConfigError, StoreError."""
        self._encryptor.prepare()

    def encrypt(self, content: bytes) -> str:
        """Compress and encrypt content.  It is slow for large content, and may run in any thread."""
        return self._encryptor.encrypt_bytes(zlib.compress(content, 1))

    def decrypt(self, content: str) -> bytes | None:
        """Decrypt and decompress content.  None: it was encrypted with another key."""
        packed = self._encryptor.decrypt_bytes(content)
        return None if packed is None else zlib.decompress(packed)

    def write(self, responses: Sequence[EncryptedResponse]) -> None:
        """Write responses, the older ones first.  A response whose previous one is missing is left out."""

        def put(transaction: Transaction) -> None:
            transaction.advisory_lock("chains")
            until = transaction.now() + self._ttl
            for response in responses:
                if response.previous and not transaction.rows(
                    "SELECT 1 FROM responses WHERE id = ?", response.previous
                ):
                    continue
                if transaction.change(
                    INSERT_RESPONSE, response.id, response.chain, response.previous, until, response.content
                ):
                    transaction.change(UPSERT_CHAIN, response.chain, until, len(response.content))

        self._database.run(put)

    def replace(self, object_id: str, content: str) -> None:
        """Write an object, replacing its previous content."""

        def put(transaction: Transaction) -> None:
            transaction.advisory_lock("chains")
            delete_response(transaction, object_id)
            until = transaction.now() + self._ttl
            transaction.change(INSERT_RESPONSE, object_id, object_id, "", until, content)
            transaction.change(UPSERT_CHAIN, object_id, until, len(content))

        self._database.run(put)

    def remove(self, response_id: str) -> bool:
        """Delete a response.  Its content stays if another response continues from it.

        False: there is no such response.
        """

        def drop(transaction: Transaction) -> bool:
            transaction.advisory_lock("chains")
            return delete_response(transaction, response_id)

        return self._database.run(drop)

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._database.lock(name)

    def exists(self, response_id: str) -> bool:
        return bool(
            self._database.read(
                lambda transaction: transaction.rows("SELECT 1 FROM responses WHERE id = ?", response_id)
            )
        )

    def find(self, response_id: str) -> tuple[str, list[str]] | None:
        """The chain's id and its encrypted contents up to this response; None: a part of it is missing."""
        rows = self._database.read(
            lambda transaction: transaction.rows(SELECT_CHAIN, response_id, transaction.now())
        )
        if not rows or rows[0][1]:
            return None
        return rows[0][0], [content for _, _, content in rows]

    def prune(self) -> bool:
        """Delete some responses of the oldest chain if it is too old or there are too many.

        True: some were deleted.
        """

        def drop(transaction: Transaction) -> bool:
            transaction.advisory_lock("chains")
            ((number, size),) = transaction.rows(
                "SELECT coalesce(sum(responses), 0), coalesce(sum(bytes), 0) FROM response_chains"
            )
            oldest = transaction.rows("SELECT id, until FROM response_chains ORDER BY until LIMIT 1")
            enough = int(number) <= MAX_RESPONSES and int(size) <= self._max_bytes
            if not oldest or (enough and oldest[0][1] > transaction.now()):
                return False
            chain = oldest[0][0]
            gone = transaction.change(
                "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE chain = ? LIMIT ?)",
                chain,
                DELETE_BATCH,
            )
            if gone < DELETE_BATCH:
                transaction.change("DELETE FROM response_chains WHERE id = ?", chain)
            return True

        return self._database.run(drop)


def delete_response(transaction: Transaction, response_id: str) -> bool:
    """Delete a response, or only its name if another one continues from it.

    False: there is no such response.
    """
    rows = transaction.rows("SELECT chain, content FROM responses WHERE id = ?", response_id)
    if not rows:
        return False
    chain, content = rows[0]
    if transaction.rows("SELECT 1 FROM responses WHERE previous = ? LIMIT 1", response_id):
        nameless = secrets.token_hex(32)
        transaction.change("UPDATE responses SET id = ? WHERE id = ?", nameless, response_id)
        transaction.change("UPDATE responses SET previous = ? WHERE previous = ?", nameless, response_id)
        return True
    transaction.change("DELETE FROM responses WHERE id = ?", response_id)
    transaction.change(
        "UPDATE response_chains SET responses = responses - 1, bytes = bytes - ? WHERE id = ?",
        len(content),
        chain,
    )
    transaction.change("DELETE FROM response_chains WHERE id = ? AND responses <= 0", chain)
    return True
