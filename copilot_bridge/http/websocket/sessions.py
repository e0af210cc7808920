"""The open WebSockets of clients.  A server has them from its start; the rest comes with the first one."""

from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from copilot_bridge.http.websocket.session import Session


class Sessions:
    """The connections of a process."""

    def __init__(self) -> None:
        self._open: WeakSet[Session] = WeakSet()

    def serve(self, session: "Session") -> None:
        self._open.add(session)
        try:
            session.serve()
        finally:
            self._open.discard(session)

    def stop(self) -> None:
        """End all connections after the turns that run now."""
        for session in list(self._open):
            session.stop()
