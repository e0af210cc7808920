"""The WebSockets that wait for their conversation's next request."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from copilot_bridge.errors import StreamCut
from copilot_bridge.upstream.websocket.new_items import Point

if TYPE_CHECKING:
    from copilot_bridge.upstream.websocket.connection import Connection

log = logging.getLogger(__name__)

READABLE = 1  # of libev and libuv
# seconds; OpenAI's WebSockets live for an hour, and Copilot's own limit is not known.
MAX_AGE = 55 * 60.0

Key = tuple[str, ...]


class Waiting:
    """A connection between two requests.  It responds to pings; whatever else comes ends it.

    Nobody asked for anything, so a message looks like one that is meant for the next request.

    :param idle_life: seconds.  :param on_end: called when it has ended by itself.
    """

    def __init__(
        self, connection: "Connection", point: Point | None, idle_life: float, on_end: Callable[[], object]
    ) -> None:
        self.connection = connection
        self.point = point
        self._on_end = on_end
        from gevent.hub import get_hub  # not in commands, which have no event loop

        loop = get_hub().loop
        self._watcher: Any = loop.io(connection.fileno(), READABLE)
        self._watcher.start(self._read)
        self._timer: Any = loop.timer(idle_life)
        self._timer.start(self._end)

    def _read(self) -> None:
        try:
            while not self.connection.receive():
                if self.connection.would_block:
                    return
        except StreamCut:
            pass
        self._end()

    def _end(self) -> None:
        self.stop()
        self.connection.close()
        self._on_end()

    def take(self) -> "Connection | None":
        """Return the connection for a request; None: it has just ended."""
        self._read()
        if self.connection.is_closed:
            return None
        self.stop()
        return self.connection

    def stop(self) -> None:
        for watcher in (self._watcher, self._timer):
            watcher.stop()
            watcher.close()


class Pool:
    """Keeps one connection for each key, and no more than `max_connections` in all, those in use included.

    :param idle_life: seconds for which a connection waits.
    :ivar on_change: called with the number of connections each time that it may have changed.
    """

    def __init__(self, max_connections: int, idle_life: float) -> None:
        self.max_connections = max_connections
        self._idle_life = idle_life
        self._waiting: OrderedDict[Key, Waiting] = OrderedDict()
        self._all: WeakSet[Connection] = WeakSet()
        self._reserved = 0  # connections that are being opened
        self.on_change: Callable[[int], object] = lambda _number: None

    def __len__(self) -> int:
        return sum(not connection.is_closed for connection in self._all)

    def reserve(self) -> bool:
        """Make room for another connection; the one that has waited longest may give way.

        Returns whether there is room.  `release` ends the reservation, with a connection or without.
        """
        found = self._has_room()
        self._reserved += found
        return found

    def release(self) -> None:
        self._reserved -= 1

    def _has_room(self) -> bool:
        if len(self) + self._reserved < self.max_connections:
            return True
        if not self._waiting:
            return False
        _, oldest = self._waiting.popitem(last=False)
        oldest.stop()
        self.close(oldest.connection)
        return True

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    def take(self, key: Key) -> "tuple[Connection, Point | None] | None":
        """Return the connection that waits for a key, and what it knows."""
        waiting = self._waiting.pop(key, None)
        if waiting is None or (connection := waiting.take()) is None:
            return None
        return connection, waiting.point

    def put(self, key: Key, connection: "Connection", point: Point | None) -> None:
        """Have a connection wait for the next request.  One that waits for it already is closed."""
        self._all.add(connection)
        self.on_change(len(self))
        age = time.monotonic() - connection.opened
        if age >= MAX_AGE:
            self.close(connection)
            return
        if other := self._waiting.pop(key, None):
            other.stop()
            self.close(other.connection)
        life = min(self._idle_life, MAX_AGE - age)
        self._waiting[key] = Waiting(connection, point, life, lambda: self._forget(key, connection))

    def _forget(self, key: Key, connection: "Connection") -> None:
        found = self._waiting.get(key)
        if found is not None and found.connection is connection:
            del self._waiting[key]
        self.on_change(len(self))

    def close(self, connection: "Connection") -> None:
        """Close a connection that was taken."""
        connection.close()
        self.on_change(len(self))

    def close_all(self) -> None:
        """Close all connections that wait."""
        for waiting in self._waiting.values():
            waiting.stop()
            waiting.connection.close()
        self._waiting.clear()
        self.on_change(len(self))
