"""The server where gunicorn does not run: gevent's own, `python -m copilot_bridge.serving.gevent_server`."""

from gevent import monkey

from copilot_bridge.serving.patching import EXTRAS, import_without_extras, skip_plugin_search

skip_plugin_search()
monkey.patch_all()
for library in EXTRAS:
    import_without_extras(library)

import logging  # noqa: E402 - all that follows has to find the standard library patched
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
from copilot_bridge.http.taken_over import SESSIONS  # noqa: E402
from copilot_bridge.logs.setup import set_up_logging  # noqa: E402
from copilot_bridge.serving.address import BACKLOG, open_all_listeners  # noqa: E402
from copilot_bridge.serving.garbage_collector import tune_garbage_collector  # noqa: E402
from copilot_bridge.serving.gevent_handler import Handler  # noqa: E402
from copilot_bridge.serving.handover import EXIT_WITH_STDIN  # noqa: E402
from copilot_bridge.serving.limits import raise_open_files  # noqa: E402
from copilot_bridge.serving.notifier import Notifier  # noqa: E402
from copilot_bridge.serving.reload_request import ReloadRequest  # noqa: E402

log = logging.getLogger(__name__)

KILL_GRACE = 1.0  # seconds in which a stream that is ended sends its client an error


class Server(WSGIServer):  # type: ignore[misc]
    """Stops without waiting for idle connections."""

    max_accept = 1  # or a hundred new connections in a row would delay the responses to those before them

    def __init__(self, listener: socket.socket, application: Flask) -> None:
        self.idle: set[gevent.Greenlet] = set()
        super().__init__(listener, application, spawn=Pool(), handler_class=Handler, log=None, error_log=None)

    def stop(self, timeout: float | None = None) -> None:
        """Stop accepting connections, and end running streams after `timeout` seconds."""
        self.close()
        gevent.killall(list(self.idle), block=False)
        self.pool.join(timeout=timeout)
        self.pool.kill(block=True, timeout=KILL_GRACE)


def serve(config: Config, filenos: Iterable[int] = ()) -> None:
    """Serve until SIGTERM, after which streams may go on for `graceful_timeout` seconds, or until Ctrl-C."""
    raise_open_files()
    if os.environ.pop(EXIT_WITH_STDIN, None):
        monkey.get_original("_thread", "start_new_thread")(exit_with_stdin, ())
    notifier = Notifier.take_from(os.environ)
    inherited = [socket.socket(fileno=fileno) for fileno in filenos]
    listeners = inherited or open_all_listeners(config.host, config.port, config.ollama_port)
    application = create_app(config)
    bridge = application.extensions["copilot_bridge"]
    servers = [Server(listener, application) for listener in listeners]
    stop_timeout = handle_signals(config)
    for listener, server in zip(listeners, servers, strict=True):
        listener.listen(BACKLOG)
        listener.setblocking(False)
        server.start()
    tune_garbage_collector()
    notifier.notify("READY=1")
    bridge.health.status.subscribe(lambda condition: notifier.notify(f"STATUS={condition.summary}"))
    pings = gevent.spawn(ping, notifier)
    seconds = stop_timeout.get()
    notifier.notify("STOPPING=1")
    bridge.stop_waiting()
    gevent.spawn(application.extensions[SESSIONS].stop)
    gevent.joinall([gevent.spawn(server.stop, seconds) for server in servers])
    pings.kill()


def handle_signals(config: Config) -> "AsyncResult[float]":
    """The seconds that streams may go on, once a signal has asked the server to stop."""
    stop_timeout: AsyncResult[float] = AsyncResult()
    gevent.signal_handler(signal.SIGTERM, stop_timeout.set, config.graceful_timeout)
    gevent.signal_handler(signal.SIGINT, stop_timeout.set, 0)
    if hasattr(signal, "SIGHUP"):
        gevent.signal_handler(signal.SIGHUP, reject_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `start` has blocked it
    return stop_timeout


def exit_with_stdin() -> None:
    """Exit when standard input is closed: Windows ends a task's own process, and none that it has started.

    It runs in a thread of the system.
    """
    with suppress(OSError):
        os.read(0, 1)
    os._exit(1)


def ping(notifier: Notifier) -> None:
    while notifier.ping_interval:
        notifier.ping()
        gevent.sleep(notifier.ping_interval)


def reject_reload() -> None:
    reason = "--server gevent does not reload: restart it"
    log.error(reason)
    ReloadRequest(os.environ).report(reason)


def main(filenos: Iterable[int]) -> None:
    """Serve until a signal ends it.

    :param filenos: of listening sockets that this process has inherited.
    """
    config = load_config()
    set_up_logging(config.log_level, debug=config.debug, file=config.log_file)
    serve(config, filenos)


if __name__ == "__main__":
    main(map(int, sys.argv[1:]))
