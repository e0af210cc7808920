"""Holds each request until the operator approves it, where the settings ask for approval."""

import time

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.approvals import APPROVED, PENDING, ApprovalTable, PendingRequest
from copilot_bridge.store.key_values import KeyValueStore

STOPPING = "the bridge is shutting down; the operator has not decided on this request yet"

GRANT = 15 * 60.0  # seconds for which the operator may allow all requests of a caller
GRANTS = "approvals/allowed"

MEMORY_POLL_INTERVAL = 0.1  # seconds between two checks of the change counter in memory
STORE_POLL_INTERVAL = 2.0  # seconds between two reads of the store, in case another machine decided


class Approval:
    """The waiting requests of this process.

    :param config: `require_approval`, `approval_timeout`.
    """

    def __init__(
        self, config: Config, table: ApprovalTable, changes: ChangeCounter, grants: KeyValueStore
    ) -> None:
        self.wanted = config.require_approval
        self._timeout = config.approval_timeout
        self._table = table
        self._changes = changes
        self._grants = grants
        self.stopping = False

    def stop(self) -> None:
        """Rejects every waiting request at once, because the process ends."""
        self.stopping = True

    def allow(self, caller: str) -> None:
        """Allow all requests of a caller for a while.  Raises StoreError."""
        self._grants.write(GRANTS, self.allowed() | {caller: time.time() + GRANT})

    def forbid(self, caller: str) -> None:
        """Ask for each request of a caller again.  Raises StoreError."""
        self._grants.write(GRANTS, {name: until for name, until in self.allowed().items() if name != caller})

    def allowed(self) -> dict[str, float]:
        """The callers that are allowed for now -> until when, in unix seconds."""
        now = time.time()
        found = self._grants.read(GRANTS) or {}
        return {name: until for name, until in found.items() if now < until <= now + GRANT}

    def wait(self, request: PendingRequest) -> None:
        """Blocks until the operator approves the request.

        A caller that the operator has allowed for a while does not wait.

        :raises BridgeError: "permission": denied, or no decision in time; "unavailable": shutting down.
        """
        if request.caller in self.allowed():
            return
        deadline = time.monotonic() + self._timeout
        seen_change = self._changes.read()
        self._table.add(request)
        try:
            while (decision := self._table.poll(request.id)) == PENDING:
                if self.stopping:
                    raise BridgeError(STOPPING, kind="unavailable", status=503, headers={"retry-after": "5"})
                if time.monotonic() >= deadline:
                    raise BridgeError(
                        f"the operator did not decide within {self._timeout:g} s", kind="permission"
                    )
                seen_change = self._wait_for_change(seen_change, deadline)
        finally:  # also when the client disconnects
            self._table.withdraw(request.id)
        if decision != APPROVED:
            raise BridgeError("the operator denied this request", kind="permission")

    def _wait_for_change(self, seen_change: int, deadline: float) -> int:
        """Sleeps until the store changes or the next poll is due, and returns the number of the change."""
        poll_at = min(time.monotonic() + STORE_POLL_INTERVAL, deadline)
        while self._changes.read() == seen_change and time.monotonic() < poll_at and not self.stopping:
            time.sleep(MEMORY_POLL_INTERVAL)
        return self._changes.read()
