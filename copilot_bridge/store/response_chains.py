"""Conversations that a `previous_response_id` may refer to: the one thing in the store that was said.

A link is what one request added to its conversation, sealed.  A chain is all links that go back to the same
first one; it lives as long as the youngest of them, for that one needs the others.
"""

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from copilot_bridge.store.database import Database, Transaction
from copilot_bridge.store.encryption import Encryptor

log = logging.getLogger(__name__)

MAX_RESPONSES = 100_000
DELETE_BATCH = 100  # links that are deleted at a time
MAX_CHAIN_LENGTH = 100_000  # links of a conversation: who has followed so many goes in a circle

INSERT_RESPONSE = (
    "INSERT INTO responses (id, chain, previous, until, content) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING"
)
UPSERT_CHAIN = (
    "INSERT INTO response_chains (id, until, responses, bytes) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO UPDATE"
    " SET until = excluded.until, responses = response_chains.responses + 1,"
    " bytes = response_chains.bytes + excluded.bytes"
)
# From the last link back to the first; only the last one's own age counts.
SELECT_CHAIN = f"""
    WITH RECURSIVE line (position, chain, previous, content) AS (
        SELECT 0, chain, previous, content FROM responses WHERE id = ? AND until > ?
        UNION ALL
        SELECT line.position + 1, responses.chain, responses.previous, responses.content
        FROM line JOIN responses ON responses.id = line.previous WHERE line.position < {MAX_CHAIN_LENGTH})
    SELECT chain, previous, content FROM line ORDER BY position DESC"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True, slots=True)
class EncryptedResponse:
    """A link as it is stored.  `chain`: the first link's id.  `before`: "" for the first one."""

    id: str
    chain: str
    previous: str
    content: str


class ResponseChainTable:
    """Raises StoreError.  :param max_bytes: bytes of all that is kept.  :param ttl: seconds, of each link."""

    def __init__(self, database: Database, encryptor: Encryptor, *, max_bytes: int, ttl: float) -> None:
        self._database = database
        self._encryptor = encryptor
        self._max_bytes = max_bytes
        self._ttl = ttl

    @property
    def persistent(self) -> bool:
        """Whether anybody else could read what is written here."""
        return self._database.persistent

    def prepare(self) -> None:
        """Load what sealing needs, before several threads do.  Raises ConfigError, StoreError."""
        self._encryptor.prepare()

    def encrypt(self, content: bytes) -> str:
        """Takes its time where it is large, and is good for any thread."""
        return self._encryptor.encrypt_bytes(zlib.compress(content, 1))

    def decrypt(self, content: str) -> bytes | None:
        """None if it was sealed with another key."""
        packed = self._encryptor.decrypt_bytes(content)
        return None if packed is None else zlib.decompress(packed)

    def write(self, links: Sequence[EncryptedResponse]) -> None:
        """Older ones first.  One that goes on from a link that is not there is of no use, and left out."""

        def put(transaction: Transaction) -> None:
            transaction.advisory_lock("chains")
            until = transaction.now() + self._ttl
            for link in links:
                if link.previous and not transaction.rows(
                    "SELECT 1 FROM responses WHERE id = ?", link.previous
                ):
                    continue
                if transaction.change(
                    INSERT_RESPONSE, link.id, link.chain, link.previous, until, link.content
                ):
                    transaction.change(UPSERT_CHAIN, link.chain, until, len(link.content))

        self._database.run(put)

    def find(self, link_id: str) -> tuple[str, list[str]] | None:
        """(the chain, the sealed contents of its links up to this one); None if not all of it is there."""
        rows = self._database.read(
            lambda transaction: transaction.rows(SELECT_CHAIN, link_id, transaction.now())
        )
        if not rows or rows[0][1]:
            return None
        return rows[0][0], [content for _, _, content in rows]

    def prune(self) -> bool:
        """Drop a few links of the oldest chain, if it is too old or there is too much.  True: it was so."""

        def drop(transaction: Transaction) -> bool:
            transaction.advisory_lock("chains")
            ((links, size),) = transaction.rows(
                "SELECT coalesce(sum(responses), 0), coalesce(sum(bytes), 0) FROM response_chains"
            )
            oldest = transaction.rows("SELECT id, until FROM response_chains ORDER BY until LIMIT 1")
            enough = int(links) <= MAX_RESPONSES and int(size) <= self._max_bytes
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
