"""The operator's yes or no to each request, if they want to be asked."""

import time

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.approvals import APPROVED, PENDING, ApprovalTable, PendingRequest

STOPPING = "the bridge is being stopped, and nobody has answered yet"

MEMORY_POLL_INTERVAL = 0.1  # s: how often one looks whether anything has changed, in memory
STORE_POLL_INTERVAL = 2.0  # s: how often in the store, whatever memory says


class Approval:
    """:param config: `manual`, `manual_timeout`."""

    def __init__(self, config: Config, table: ApprovalTable, changes: ChangeCounter) -> None:
        self.wanted = config.require_approval
        self._timeout = config.approval_timeout
        self._table = table
        self._changes = changes
        self._stopping = False

    def stop(self) -> None:
        """The process ends: who waits is told so at once."""
        self._stopping = True

    def wait(self, request: PendingRequest) -> None:
        """Blocks until the operator has said yes.

        :raises BridgeError: "permission": no, or no answer; "unavailable": the bridge is being stopped.
        """
        deadline = time.monotonic() + self._timeout
        seen_change = self._changes.read()
        self._table.ask(request)
        try:
            while (decision := self._table.answer(request.id)) == PENDING:
                if self._stopping:
                    raise BridgeError(STOPPING, kind="unavailable", status=503, headers={"retry-after": "5"})
                if time.monotonic() >= deadline:
                    raise BridgeError(
                        f"the operator has not answered within {self._timeout:g} s", kind="permission"
                    )
                seen_change = self._wait_for_change(seen_change, deadline)
        finally:  # also when the client has left
            self._table.withdraw(request.id)
        if decision != APPROVED:
            raise BridgeError("the operator has said no to this request", kind="permission")

    def _wait_for_change(self, seen_change: int, deadline: float) -> int:
        """Until something has changed, or it is time to look anyway."""
        poll_at = min(time.monotonic() + STORE_POLL_INTERVAL, deadline)
        while self._changes.read() == seen_change and time.monotonic() < poll_at and not self._stopping:
            time.sleep(MEMORY_POLL_INTERVAL)
        return self._changes.read()
