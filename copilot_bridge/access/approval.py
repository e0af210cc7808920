"""The operator's yes or no to each request, if they want to be asked."""

import time

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.store.approvals import APPROVED, PENDING, ApprovalTable, PendingRequest
from copilot_bridge.store.change_counter import ChangeCounter

STOPPED = "the bridge is being stopped, and nobody has answered yet"

GLANCE = 0.1  # s: how often one looks whether anything has changed, in memory
LOOK = 2.0  # s: how often in the store, whatever memory says


class Approval:
    """:param config: `manual`, `manual_timeout`."""

    def __init__(self, config: Config, table: ApprovalTable, changes: ChangeCounter) -> None:
        self.wanted = config.require_approval
        self._patience = config.approval_timeout
        self._table = table
        self._changes = changes
        self._stopping = False

    def stop(self) -> None:
        """The process ends: who waits is told so at once."""
        self._stopping = True

    def wait(self, question: PendingRequest) -> None:
        """Blocks until the operator has said yes.

        :raises BridgeError: "permission": no, or no answer; "unavailable": the bridge is being stopped.
        """
        give_up = time.monotonic() + self._patience
        seen = self._changes.read()
        self._table.ask(question)
        try:
            while (answer := self._table.answer(question.id)) == PENDING:
                if self._stopping:
                    raise BridgeError(STOPPED, kind="unavailable", status=503, headers={"retry-after": "5"})
                if time.monotonic() >= give_up:
                    raise BridgeError(
                        f"the operator has not answered within {self._patience:g} s", kind="permission"
                    )
                seen = self._sleep(seen, give_up)
        finally:  # also when the client has left
            self._table.withdraw(question.id)
        if answer != APPROVED:
            raise BridgeError("the operator has said no to this request", kind="permission")

    def _sleep(self, seen: int, give_up: float) -> int:
        """Until something has changed, or it is time to look anyway."""
        wake = min(time.monotonic() + LOOK, give_up)
        while self._changes.read() == seen and time.monotonic() < wake and not self._stopping:
            time.sleep(GLANCE)
        return self._changes.read()
