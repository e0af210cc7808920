"""The requests that wait for the operator's approval, in the store."""

from msgspec import Struct

from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.database import Database, Row, Transaction
from copilot_bridge.store.encryption import Encryptor

# Seconds.  A waiting worker renews its request from time to time; a killed worker does not.
TTL = 30.0

PENDING, APPROVED, DENIED = 0, 1, 2


class PendingRequest(Struct, frozen=True):
    """A request that needs the operator's approval.

    :param preview: the first line of the prompt.  :param size: bytes.  :param at: unix seconds.
    """

    id: str
    caller: str
    model: str
    preview: str
    size: int
    at: float = 0.0


class ApprovalTable:
    """The requests that wait for a decision.  Raises StoreError."""

    def __init__(self, database: Database, encryptor: Encryptor, changes: ChangeCounter) -> None:
        self._database = database
        self._encryptor = encryptor
        self._changes = changes

    def add(self, request: PendingRequest) -> None:
        """Let a request wait for a decision."""
        preview = self._encryptor.encrypt(request.preview)  # a prompt is confidential

        def put(transaction: Transaction) -> None:
            now = transaction.now()
            # A request that would live longer than the TTL was added before the clock was set back.
            transaction.execute("DELETE FROM approvals WHERE expires < ? OR expires > ?", now, now + 2 * TTL)
            transaction.change(
                "INSERT INTO approvals (id, caller, model, preview, size, at, decision, expires)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                request.id,
                request.caller,
                request.model,
                preview,
                request.size,
                now,
                PENDING,
                now + TTL,
            )

        self._database.run(put)
        self._changes.bump()

    def poll(self, request_id: str) -> int:
        """Return PENDING, APPROVED or DENIED, and keep the request alive."""

        def look(transaction: Transaction) -> int:
            transaction.change(
                "UPDATE approvals SET expires = ? WHERE id = ?", transaction.now() + TTL, request_id
            )
            rows = transaction.rows("SELECT decision FROM approvals WHERE id = ?", request_id)
            return int(rows[0][0]) if rows else DENIED

        return self._database.run(look)

    def withdraw(self, request_id: str) -> None:
        self._database.run(
            lambda transaction: transaction.change("DELETE FROM approvals WHERE id = ?", request_id)
        )
        self._changes.bump()

    def decide(self, request_id: str, *, yes: bool) -> bool:
        """Approve or deny a request.  False: nothing waits for it any more."""
        changed = self._database.run(
            lambda transaction: transaction.change(
                "UPDATE approvals SET decision = ? WHERE id = ? AND decision = ? AND expires >= ?",
                APPROVED if yes else DENIED,
                request_id,
                PENDING,
                transaction.now(),
            )
        )
        self._changes.bump()
        return bool(changed)

    def waiting(self) -> list[PendingRequest]:
        """The requests to decide on, the oldest first."""
        rows = self._database.read(
            lambda transaction: transaction.rows(
                "SELECT id, caller, model, preview, size, at FROM approvals"
                " WHERE decision = ? AND expires >= ? ORDER BY at, id",
                PENDING,
                transaction.now(),
            )
        )
        return [self._read(row) for row in rows]

    def _read(self, row: Row) -> PendingRequest:
        request_id, caller, model, preview, size, at = row
        return PendingRequest(request_id, caller, model, self._encryptor.decrypt(preview) or "", size, at)
