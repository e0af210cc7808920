"""The body of a response that comes over a WebSocket, as `open_body` gives it."""

from typing import TYPE_CHECKING, Protocol

from copilot_bridge.errors import StreamCut, UpstreamTimeout
from copilot_bridge.upstream.websocket.frames import TurnReader

if TYPE_CHECKING:
    from copilot_bridge.upstream.websocket.connection import Connection


class OnEnd(Protocol):
    def __call__(self, *, reusable: bool) -> None: ...


class TurnBody:
    """The bytes of a stream by HTTP, out of the events of one turn.

    :param first: the bytes of the events that have come already.
    :param on_end: called once, when the body is closed, with whether the turn has come to its end.
    :param timeout: seconds between two events, if `read_available` waits.
    """

    blocking = False

    def __init__(
        self, connection: "Connection", events: TurnReader, first: bytes, on_end: OnEnd, timeout: float
    ) -> None:
        self._connection = connection
        self._events = events
        self._ahead = first
        self._on_end: OnEnd | None = on_end
        self._timeout = timeout
        self._failed = False

    def opened(self, fast: bool) -> "TurnBody":
        """Return the body itself.

        :param fast: `read_available` does not wait.
        """
        self.blocking = not fast
        return self

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def would_block(self) -> bool:
        return self._connection.would_block

    @property
    def eof(self) -> bool:
        return self._events.last is not None and not self._ahead

    def read_available(self) -> bytes:
        """The events that have arrived; b"" if there are none.  Check `eof` afterwards.

        :raises StreamCut, UpstreamTimeout:
        """
        data, self._ahead = self._ahead, b""
        while not (data or self.eof):
            data = self._receive()
            if not data and not self._has_more():
                break
        return data

    def _receive(self) -> bytes:
        try:
            return self._events.feed(self._connection.receive())
        except StreamCut:
            self._failed = True
            raise

    def _has_more(self) -> bool:
        """Return whether there is more to read; wait for it if that is wanted."""
        if not self._connection.would_block:
            return True
        if self.blocking and not self._connection.wait(self._timeout):
            self._failed = True
            raise UpstreamTimeout(f"no byte from Copilot for {self._timeout:g} s")
        return self.blocking

    def close(self) -> None:
        """Leave the connection to the next turn if this one has come to its end, else close it."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(reusable=self._events.last is not None and not self._failed)
