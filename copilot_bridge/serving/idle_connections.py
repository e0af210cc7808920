"""The connections of a worker that wait for their next request."""

from types import TracebackType

import gevent

# Seconds for which a stopping worker waits for a new connection's first request, which the client has
# probably sent.
NEW_CONNECTION_TIMEOUT = 1.5


class IdleConnections:
    """Closes idle connections when the worker stops: they would delay it for the whole keep-alive time."""

    def __init__(self) -> None:
        self._idle: dict[gevent.Greenlet, Idle] = {}

    def __contains__(self, connection: gevent.Greenlet) -> bool:
        return connection in self._idle

    def wait(self, seconds: float, *, new: bool) -> "Idle":
        """A context in which the current greenlet waits for a request, for so many seconds.

        :param new: the connection has not had a request yet.
        """
        return Idle(self._idle, seconds, new)

    def close(self) -> None:
        """Close the connections: those that have had a request at once, new ones after a while."""
        for connection, idle in list(self._idle.items()):
            if idle.new:
                gevent.spawn_later(NEW_CONNECTION_TIMEOUT, self._close_one, connection, idle)
            else:
                self._close_one(connection, idle)

    def close_all(self) -> None:
        for connection, idle in list(self._idle.items()):
            self._close_one(connection, idle)

    def _close_one(self, connection: gevent.Greenlet, idle: "Idle") -> None:
        """Close a connection as if its keep-alive time were over, unless a request has come meanwhile."""
        if self._idle.get(connection) is idle:
            connection.kill(idle.timeout, block=False)


class Idle:
    """The wait of one connection.  At its end gunicorn closes the connection."""

    def __init__(self, connections: "dict[gevent.Greenlet, Idle]", seconds: float, new: bool) -> None:
        self._connections = connections
        self.new = new
        self.timeout = gevent.Timeout(seconds, False)

    def __enter__(self) -> None:
        self._connections[gevent.getcurrent()] = self
        self.timeout.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self._connections.pop(gevent.getcurrent(), None)
        self.timeout.close()
        return error is self.timeout
