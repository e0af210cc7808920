"""The operator's yes or no to each request, if they want to be asked."""

import time

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.store.approvals import WAITING, YES, ApprovalTable, Question
from copilot_bridge.store.signal import Signal

STOPPED = "the bridge is being stopped, and nobody has answered yet"

GLANCE = 0.1  # s: how often one looks whether anything has changed, in memory
LOOK = 2.0  # s: how often in the store, whatever memory says


class Approval:
    """:param config: `manual`, `manual_timeout`."""

    def __init__(self, config: Config, table: ApprovalTable, signal: Signal) -> None:
        self.wanted = config.require_approval
        self._patience = config.approval_timeout
        self._table = table
        self._signal = signal
        self._stopping = False

    def stop(self) -> None:
        """The process ends: who waits is told so at once."""
        self._stopping = True

    def wait(self, question: Question) -> None:
        """Blocks until the operator has said yes.

        :raises BridgeError: "permission": no, or no answer; "unavailable": the bridge is being stopped.
        """
        give_up = time.monotonic() + self._patience
        seen = self._signal.read()
        self._table.ask(question)
        try:
            while (answer := self._table.answer(question.id)) == WAITING:
                if self._stopping:
                    raise BridgeError(STOPPED, kind="unavailable", status=503, headers={"retry-after": "5"})
                if time.monotonic() >= give_up:
                    raise BridgeError(
                        f"the operator has not answered within {self._patience:g} s", kind="permission"
                    )
                seen = self._sleep(seen, give_up)
        finally:  # also when the client has left
            self._table.withdraw(question.id)
        if answer != YES:
            raise BridgeError("the operator has said no to this request", kind="permission")

    def _sleep(self, seen: int, give_up: float) -> int:
        """Until something has changed, or it is time to look anyway."""
        wake = min(time.monotonic() + LOOK, give_up)
        while self._signal.read() == seen and time.monotonic() < wake and not self._stopping:
            time.sleep(GLANCE)
        return self._signal.read()
