"""gevent's own WSGI server, where gunicorn does not run: `python -m copilot_bridge.serving.gevent_server`."""

from gevent import monkey

monkey.patch_all()

import signal  # noqa: E402 - what follows has to find everything patched
import socket  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402

from copilot_bridge.app import create_app  # noqa: E402
from copilot_bridge.config import Config  # noqa: E402
from copilot_bridge.logs import set_up  # noqa: E402

BACKLOG = 2048


class Handler(WSGIHandler):  # type: ignore[misc]
    """Shows the application the client's socket, and leaves the log to it."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        return environ | {"copilot_bridge.socket": self.socket}

    def log_request(self) -> None:
        """The application writes a line for each request."""


def listen(config: Config, fileno: int | None) -> socket.socket:
    if fileno is not None:
        return socket.socket(fileno=fileno)
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)


def serve(config: Config, fileno: int | None = None) -> None:
    """Until SIGTERM or Ctrl-C; running streams may go on for `graceful_timeout` seconds."""
    listener = listen(config, fileno)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    server = WSGIServer(listener, create_app(config), handler_class=Handler, log=None, error_log=None)
    stopped = gevent.event.Event()
    gevent.signal_handler(signal.SIGTERM, stopped.set)
    server.start()
    try:
        stopped.wait()
        server.stop(timeout=config.graceful_timeout)
    except KeyboardInterrupt:
        server.stop(timeout=0)


if __name__ == "__main__":
    settings = Config.from_environment()
    set_up(settings.log_level, debug=settings.debug)
    serve(settings, int(sys.argv[1]) if len(sys.argv) > 1 else None)
