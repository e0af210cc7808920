"""gevent's own WSGI server, where gunicorn does not run: `python -m copilot_bridge.serving.gevent_server`."""

from gevent import monkey

monkey.patch_all()

import signal  # noqa: E402 - what follows has to find everything patched
import socket  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.event import AsyncResult  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402

from copilot_bridge.app import create_app  # noqa: E402
from copilot_bridge.config import Config  # noqa: E402
from copilot_bridge.logs import set_up  # noqa: E402
from copilot_bridge.serving.collector import settle  # noqa: E402
from copilot_bridge.serving.limits import raise_open_files  # noqa: E402

BACKLOG = 2048
KEEPALIVE = 75  # seconds that a connection may wait for its next request, as under gunicorn
LAST_WORDS = 1.0


class Handler(WSGIHandler):  # type: ignore[misc]
    """Shows the application the client's socket, and leaves the log to it."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        return environ | {"copilot_bridge.socket": self.socket}

    def read_requestline(self) -> Any:
        """Between two requests a connection is idle; None ends it."""
        idle: set[gevent.Greenlet] = self.server.idle
        if not self.server.started:
            return None
        idle.add(gevent.getcurrent())
        try:
            return gevent.with_timeout(KEEPALIVE, super().read_requestline, timeout_value=None)
        finally:
            idle.discard(gevent.getcurrent())

    def log_request(self) -> None:
        """The application writes a line for each request."""


class Server(WSGIServer):  # type: ignore[misc]
    """Stops without waiting for idle connections."""

    def __init__(self, listener: socket.socket, config: Config) -> None:
        self.idle: set[gevent.Greenlet] = set()
        application = create_app(config)
        super().__init__(listener, application, spawn=Pool(), handler_class=Handler, log=None, error_log=None)

    def stop(self, timeout: float | None = None) -> None:
        """:param timeout: seconds that running streams may go on."""
        self.close()
        gevent.killall(list(self.idle), block=False)
        self.pool.join(timeout=timeout)
        self.pool.kill(block=True, timeout=LAST_WORDS)


def listen(config: Config, fileno: int | None) -> socket.socket:
    if fileno is not None:
        return socket.socket(fileno=fileno)
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)


def serve(config: Config, fileno: int | None = None) -> None:
    """Until SIGTERM, when running streams may go on for `graceful_timeout` seconds, or until Ctrl-C."""
    raise_open_files()
    listener = listen(config, fileno)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    server = Server(listener, config)
    patience: AsyncResult[float] = AsyncResult()
    gevent.signal_handler(signal.SIGTERM, patience.set, config.graceful_timeout)
    gevent.signal_handler(signal.SIGINT, patience.set, 0)
    server.start()
    settle()
    server.stop(patience.get())


if __name__ == "__main__":
    settings = Config.from_environment()
    set_up(settings.log_level, debug=settings.debug)
    serve(settings, int(sys.argv[1]) if len(sys.argv) > 1 else None)
