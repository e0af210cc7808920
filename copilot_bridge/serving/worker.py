"""The gevent worker of gunicorn: ends when its streams do, and gives the application the client's socket."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

from copilot_bridge.http.drain import discard_input
from copilot_bridge.http.taken_over import SESSIONS, TakenOver
from copilot_bridge.serving.error_response import error_response
from copilot_bridge.serving.gunicorn_requests import status_of, wrap_application
from copilot_bridge.serving.idle_connections import NEW_CONNECTION_TIMEOUT, Idle, IdleConnections
from copilot_bridge.serving.limits import KILL_GRACE
from copilot_bridge.serving.patching import import_without_extras, skip_plugin_search
from copilot_bridge.serving.worker_process import WorkerProcess

# Seconds in which a stream that is ended sends its client an error.
FINAL_WRITE_TIMEOUT = 0.5

# Seconds.  No stream lasts so long, but a connection that its client has forgotten may.
MAX_DRAIN_TIME = 6 * 3600.0

HEARTBEAT_INTERVAL = 1.0
STOP_POLL_INTERVAL = 0.05


class Worker(GeventWorker):  # type: ignore[misc]
    """SIGTERM: running streams go on for `graceful_timeout`.  SIGINT, SIGQUIT: they are ended at once.

    SIGHUP: new workers have taken over, and this one drains.  Streams go on for as long as they last, and a
    connection that was kept open gets one more response: no request meets a closed connection.
    """

    alive: bool
    tmp: Any  # the file whose time shows the master that the worker runs

    def __init__(self, process: WorkerProcess) -> None:
        """Take over what the master has made.

        :param process: this worker, as the master has it.
        """
        arguments = process.age, process.ppid, process.sockets, process.app, process.timeout
        super().__init__(*arguments, process.cfg, process.log)
        self.tmp.close()
        self.tmp = process.tmp
        self.pid = process.pid
        self._process = process
        self._connections: set[gevent.Greenlet] = set()
        self._new_connections: set[gevent.Greenlet] = set()
        self._idle = IdleConnections()
        self._draining = False
        self._deadline = 0.0  # monotonic; set when `alive` ends
        self._stopping = Event()
        self._stop_waiting: Callable[[], object] = lambda: None  # until there is an application
        self._stop_websockets: Callable[[], object] = lambda: None

    def patch(self) -> None:
        skip_plugin_search()
        super().patch()
        import_without_extras("requests")  # after the patches, which it needs

    def report(self, condition: Any) -> None:
        self._process.report_condition(condition.summary)

    def notify(self) -> None:
        super().notify()
        self._process.report_serving()

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGHUP, self.handle_drain)
        signal.siginterrupt(signal.SIGHUP, False)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        read_settings_once(self.cfg)
        application: Any = self.wsgi
        bridge = application.extensions["copilot_bridge"]
        self._stop_waiting = bridge.stop_waiting
        self._stop_websockets = application.extensions[SESSIONS].stop
        bridge.health.status.subscribe(self.report)
        self.wsgi: Any = wrap_application(application)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send the error in the form of the API; gunicorn sends pages."""
        path = getattr(req or getattr(exc, "req", None), "path", None) or ""
        if isinstance(exc, ParseException):
            self.log.warning("Invalid request from %s: %s", (addr or ("unix",))[0], exc)
            status, reason = status_of(exc), str(exc)
        else:
            self.log.error("Error handling request %s", path, exc_info=exc)
            status, reason = 500, "internal error of the bridge: its log has more"
        with suppress(OSError):
            client.sendall(error_response(status, reason, path))
            discard_input(client)

    def is_already_handled(self, respiter: Any) -> bool:
        """Have gunicorn close a connection that was a WebSocket, without sending anything more."""
        if isinstance(respiter, TakenOver):
            raise StopIteration
        return False

    def handle(self, *args: Any) -> None:
        greenlet = gevent.getcurrent()
        self._connections.add(greenlet)
        self._new_connections.add(greenlet)
        try:
            super().handle(*args)
        finally:
            self._connections.discard(greenlet)
            self._new_connections.discard(greenlet)

    def timeout_ctx(self) -> Idle:
        """The context in which gunicorn waits for the next request of a connection."""
        new = gevent.getcurrent() in self._new_connections
        self._new_connections.discard(gevent.getcurrent())
        seconds: float = self.cfg.keepalive
        if not self.alive and not self._draining:
            seconds = NEW_CONNECTION_TIMEOUT if new else 0
        return self._idle.wait(seconds, new=new)

    def run(self) -> None:
        """Serve until the worker has to stop.  Each step of gunicorn's own `run` takes a whole second."""
        servers = [self._accept(sock) for sock in self.sockets]
        while self.alive:
            self.notify()
            self._stopping.wait(HEARTBEAT_INTERVAL)
        for server in servers:
            server.close()
        while any(len(server.pool) for server in servers) and time.monotonic() < self._deadline:
            self.notify()
            gevent.sleep(STOP_POLL_INTERVAL)
        for server in servers:
            server.stop(timeout=FINAL_WRITE_TIMEOUT)

    def _accept(self, sock: Any) -> StreamServer:
        sock.setblocking(1)
        handle = partial(self.handle, ListenerAddress(sock.getsockname()))
        server = StreamServer(sock, handle=handle, spawn=Pool(self.worker_connections))
        # One at a time: a hundred new connections in a row would delay the responses to those before them,
        # and leave none to the other workers.
        server.max_accept = 1
        server.start()
        return server

    def handle_drain(self, _signal: int, _frame: Any) -> None:
        if self.alive:
            self._draining = True
            gevent.spawn(self._stop_websockets)
            self._stop_within(MAX_DRAIN_TIME)

    def handle_exit(self, _signal: int, _frame: Any) -> None:
        self._draining = False
        self._stop_waiting()
        self._stop_within(max(0, self.cfg.graceful_timeout - KILL_GRACE))
        gevent.spawn(self._idle.close)
        gevent.spawn(self._stop_websockets)

    def handle_quit(self, _signal: int, _frame: Any) -> None:
        """Stop at once.  gunicorn's own raises SystemExit in a greenlet, which prints a traceback."""
        self._stop_waiting()
        self._stop_within(FINAL_WRITE_TIMEOUT)
        gevent.spawn(self._close_all)

    def _stop_within(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self.alive = False
        self._stopping.set()

    def _close_all(self) -> None:
        busy = {connection for connection in self._connections if connection not in self._idle}
        self._idle.close_all()
        gevent.killall(busy, timeout=FINAL_WRITE_TIMEOUT)


def read_settings_once(cfg: Any) -> None:
    """Copy gunicorn's settings to plain attributes.

    `__getattr__` costs much more, thirty times per request.
    """
    vars(cfg).update({name: setting.get() for name, setting in cfg.settings.items()})


class ListenerAddress:
    """The address of a listener, which gunicorn asks for when the listener may be closed already."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name
