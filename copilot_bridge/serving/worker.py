"""gunicorn's gevent worker: it ends when its streams do, and lets the application at the client's socket."""

import mmap
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.wsgi import Response
from gunicorn.workers.ggevent import GeventWorker

from copilot_bridge.http.drain import throw_away
from copilot_bridge.serving.chunks import LONGEST_LINE, Malformed, size_of
from copilot_bridge.serving.limits import LAST_MOMENTS
from copilot_bridge.serving.refused import refusal
from copilot_bridge.streaming.socket_writer import GunicornSocketWriter

# A stream that is cut off still tells its client so.
LAST_WORDS = 0.5

# s; for the first request of a connection that has just been made, and can only have been sent to us.
FRESH = 1.5

# No stream lasts so long, but a connection that its client has forgotten may.
LONGEST_STREAM = 6 * 3600.0

# What can't be understood is answered with 400, but for these.
STATUS = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
)

LONGEST_LINE_OF_STATUS = 1024  # bytes

HEARTBEAT = 1.0
GLANCE = 0.05


class Worker(GeventWorker):  # type: ignore[misc]
    """SIGTERM: running streams go on for `graceful_timeout`.  SIGINT, SIGQUIT: they are ended at once.

    A client that keeps its connection open for its next request would hold up the stop for as long
    as the whole keep-alive time, so idle connections are closed in either case.

    SIGHUP: others have taken over.  Streams go on for as long as they last, and a request on a connection
    that was kept open is still answered, as the last one: nobody's request meets a closed connection.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[gevent.Greenlet] = set()
        self._fresh: set[gevent.Greenlet] = set()
        self._idle: Idles = {}
        self._relieved = False
        self._until = 0.0  # monotonic; from the end of `alive` on
        self._over = Event()
        self._stop_waiting: Callable[[], object] = lambda: None  # until there is an application
        self.alive: bool
        self._serving = mmap.mmap(-1, 1)  # shared with the master, which looks at it
        self._line = mmap.mmap(-1, LONGEST_LINE_OF_STATUS)  # the same: how the bridge is

    @property
    def serving(self) -> bool:
        """Whether it takes connections, or has done so."""
        return self._serving[0] == 1

    @property
    def line(self) -> str:
        """How the bridge is, as this worker sees it; nothing if it has not looked yet."""
        return self._line[:].rstrip(b"\0").decode(errors="replace")

    def tell(self, condition: Any) -> None:
        told = condition.summary.encode()[:LONGEST_LINE_OF_STATUS]
        self._line[:] = told.ljust(LONGEST_LINE_OF_STATUS, b"\0")

    def notify(self) -> None:
        super().notify()
        self._serving[0] = 1

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGHUP, self.handle_relief)
        signal.siginterrupt(signal.SIGHUP, False)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application: Any = self.wsgi
        bridge = application.extensions["copilot_bridge"]
        self._stop_waiting = bridge.stop_waiting
        bridge.health.status.subscribe(self.tell)

        def offering(environ: dict[str, Any], start_response: Any) -> Any:
            response: Any = getattr(start_response, "__self__", None)
            if type(response) is Response:  # not HTTP/2's
                environ["copilot_bridge.socket_writer"] = GunicornSocketWriter(response)
                environ["copilot_bridge.hang_up"] = response.force_close
                start_response = partial(start, response)
            reader = getattr(environ["wsgi.input"], "reader", None)
            if type(reader) is ChunkedReader:
                reader.__class__ = StrictReader
            return application(environ, start_response)

        self.wsgi: Any = offering

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Not as gunicorn's own, whose answers are pages."""
        path = getattr(req or getattr(exc, "req", None), "path", None) or ""
        if isinstance(exc, ParseException):
            status = next((each for kind, each in STATUS if isinstance(exc, kind)), 400)
            self.log.warning("Invalid request from %s: %s", (addr or ("unix",))[0], exc)
            reason = str(exc)
        else:
            self.log.error("Error handling request %s", path, exc_info=exc)
            status, reason = 500, "internal error of the bridge: its log has more"
        with suppress(OSError):
            client.sendall(refusal(status, reason, path))
            throw_away(client)

    def handle(self, *args: Any) -> None:
        served = gevent.getcurrent()
        self._connections.add(served)
        self._fresh.add(served)
        try:
            super().handle(*args)
        finally:
            self._connections.discard(served)
            self._fresh.discard(served)

    def timeout_ctx(self) -> "Idle":
        """gunicorn enters it while it waits for the next request of a connection."""
        fresh = gevent.getcurrent() in self._fresh
        self._fresh.discard(gevent.getcurrent())
        seconds: float = self.cfg.keepalive
        if not self.alive and not self._relieved:
            seconds = FRESH if fresh else 0
        return Idle(self._idle, seconds, fresh)

    def run(self) -> None:
        """Like gunicorn's own, whose every step takes a second of the wall clock."""
        servers = [self._accept(each) for each in self.sockets]
        while self.alive:
            self.notify()
            self._over.wait(HEARTBEAT)
        for server in servers:
            server.close()
        while any(len(server.pool) for server in servers) and time.monotonic() < self._until:
            self.notify()
            gevent.sleep(GLANCE)
        for server in servers:
            server.stop(timeout=LAST_WORDS)

    def _accept(self, sock: Any) -> StreamServer:
        sock.setblocking(1)
        handle = partial(self.handle, Address(sock.getsockname()))
        server = StreamServer(sock, handle=handle, spawn=Pool(self.worker_connections))
        # One at a time: a hundred new ones in a row would hold up the answers to those before them, and
        # the other workers want some too.
        server.max_accept = 1
        server.start()
        return server

    def handle_relief(self, _signal: int, _frame: Any) -> None:
        if self.alive:
            self._relieved = True
            self._leave_within(LONGEST_STREAM)

    def handle_exit(self, _signal: int, _frame: Any) -> None:
        self._relieved = False
        self._stop_waiting()
        self._leave_within(max(0, self.cfg.graceful_timeout - LAST_MOMENTS))
        gevent.spawn(self._end_idle)

    def _leave_within(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.alive = False
        self._over.set()

    def handle_quit(self, _signal: int, _frame: Any) -> None:
        """gunicorn's own raises SystemExit in a greenlet, which prints a traceback."""
        self._stop_waiting()
        self._leave_within(LAST_WORDS)
        gevent.spawn(self._end_all)

    def _end_idle(self) -> None:
        """As if their time were over; a fresh connection's request may be on the way."""
        for connection, idle in list(self._idle.items()):
            if idle.fresh:
                gevent.spawn_later(FRESH, self._end_one, connection, idle)
            else:
                self._end_one(connection, idle)

    def _end_one(self, connection: gevent.Greenlet, idle: "Idle") -> None:
        if self._idle.get(connection) is idle:
            connection.kill(idle.timeout, block=False)

    def _end_all(self) -> None:
        for connection, idle in list(self._idle.items()):
            self._end_one(connection, idle)
        gevent.killall(self._connections - self._idle.keys(), timeout=LAST_WORDS)


class StrictReader(ChunkedReader):  # type: ignore[misc]
    """gunicorn's own waits for an end of a line that can't come any more, and for a chunk of any size."""

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> tuple[int, bytes | None]:
        buffer = bytearray(data or b"")
        while b"\n" not in buffer:
            if len(buffer) > LONGEST_LINE:
                raise Malformed("the line before a chunk is too long")
            self.read_into(unreader, buffer)
        size_of(bytes(buffer[: buffer.index(b"\n") + 1]))
        parsed: tuple[int, bytes | None] = super().parse_chunk_size(unreader, bytes(buffer))
        return parsed


def start(response: Response, status: str, headers: list[tuple[str, str]], failure: Any = None) -> Any:
    """start_response, which may be called again after a failure: without what it has taken already."""
    if failure and not response.headers_sent:
        response.headers, response.response_length = [], None
    return response.start_response(status, headers, failure)


class Address:
    """What gunicorn asks a listener for; a connection may begin to be served when that is closed already."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name


class Idle:
    """A connection between two requests: for so many seconds, and until the worker stops.

    :param fresh: it has just been made, for a request that is on its way.
    """

    def __init__(self, idle: "Idles", seconds: float, fresh: bool) -> None:
        self._idle = idle
        self.fresh = fresh
        self.timeout = gevent.Timeout(seconds, False)

    def __enter__(self) -> None:
        self._idle[gevent.getcurrent()] = self
        self.timeout.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self._idle.pop(gevent.getcurrent(), None)
        self.timeout.close()
        return error is self.timeout


Idles = dict[gevent.Greenlet, Idle]
