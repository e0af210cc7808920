"""gevent's own WSGI server, where gunicorn does not run: `python -m copilot_bridge.serving.gevent_server`."""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402 - what follows has to find everything patched
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from contextlib import suppress  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.event import AsyncResult  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from copilot_bridge.app import create_app  # noqa: E402
from copilot_bridge.config import Config, load_config  # noqa: E402
from copilot_bridge.logs.setup import set_up_logging  # noqa: E402
from copilot_bridge.serving.address import BACKLOG  # noqa: E402
from copilot_bridge.serving.address import listeners as listening  # noqa: E402
from copilot_bridge.serving.collector import settle  # noqa: E402
from copilot_bridge.serving.gevent_requests import Handler  # noqa: E402
from copilot_bridge.serving.handover import ENDS_WITH_STDIN  # noqa: E402
from copilot_bridge.serving.limits import raise_open_files  # noqa: E402
from copilot_bridge.serving.notifier import Notifier  # noqa: E402
from copilot_bridge.serving.orders import Orders  # noqa: E402

log = logging.getLogger(__name__)

LAST_WORDS = 1.0


class Server(WSGIServer):  # type: ignore[misc]
    """Stops without waiting for idle connections."""

    max_accept = 1  # a hundred new ones in a row would hold up the answers to those before them

    def __init__(self, listener: socket.socket, application: Flask) -> None:
        self.idle: set[gevent.Greenlet] = set()
        super().__init__(listener, application, spawn=Pool(), handler_class=Handler, log=None, error_log=None)

    def stop(self, timeout: float | None = None) -> None:
        """:param timeout: seconds that running streams may go on."""
        self.close()
        gevent.killall(list(self.idle), block=False)
        self.pool.join(timeout=timeout)
        self.pool.kill(block=True, timeout=LAST_WORDS)


def serve(config: Config, filenos: Iterable[int] = ()) -> None:
    """Until SIGTERM, when running streams may go on for `graceful_timeout` seconds, or until Ctrl-C."""
    raise_open_files()
    if os.environ.pop(ENDS_WITH_STDIN, None):
        monkey.get_original("_thread", "start_new_thread")(end_with_stdin, ())
    notifier = Notifier.taken_from(os.environ)
    inherited = [socket.socket(fileno=fileno) for fileno in filenos]
    listeners = inherited or listening(config.host, config.port)
    application = create_app(config)
    servers = [Server(listener, application) for listener in listeners]
    patience: AsyncResult[float] = AsyncResult()
    gevent.signal_handler(signal.SIGTERM, patience.set, config.graceful_timeout)
    gevent.signal_handler(signal.SIGINT, patience.set, 0)
    if hasattr(signal, "SIGHUP"):
        gevent.signal_handler(signal.SIGHUP, refuse_reload)
    for listener, server in zip(listeners, servers, strict=True):
        listener.listen(BACKLOG)
        listener.setblocking(False)
        server.start()
    settle()
    notifier.tell("READY=1")
    application.extensions["copilot_bridge"].health.status.subscribe(
        lambda condition: notifier.tell(f"STATUS={condition.summary}")
    )
    pings = gevent.spawn(ping, notifier)
    seconds = patience.get()
    notifier.tell("STOPPING=1")
    application.extensions["copilot_bridge"].stop_waiting()
    gevent.joinall([gevent.spawn(server.stop, seconds) for server in servers])
    pings.kill()


def end_with_stdin() -> None:
    """In a thread of the system's.  Windows ends a task's own process, and none that it has started."""
    with suppress(OSError):
        os.read(0, 1)
    os._exit(1)


def ping(notifier: Notifier) -> None:
    while notifier.watched:
        notifier.ping()
        gevent.sleep(notifier.watched)


def refuse_reload() -> None:
    reason = "--server gevent does not reload: restart it"
    log.error(reason)
    Orders(os.environ).answer(reason)


if __name__ == "__main__":
    settings = load_config()
    set_up_logging(settings.log_level, debug=settings.debug, file=settings.log_file)
    serve(settings, map(int, sys.argv[1:]))
