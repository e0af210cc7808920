"""Executes the server, in place of this process or below it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

import click

from copilot_bridge.cli.terminal.console import is_interactive
from copilot_bridge.config import Config
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.serving.handover import EXIT_WITH_STDIN

WINDOWS = os.name == "nt"


def exec_server(config: Config, listeners: list[socket.socket], left: dict[str, str]) -> None:
    """Execute the server in place of this process: it patches Python's sockets before importing them."""
    ports = [listener.getsockname()[1] for listener in listeners if listener.family != socket.AF_UNIX]
    environ = os.environ | replace(config, port=next(iter(ports), config.port)).environ()
    if WINDOWS:  # where no process takes another's place, and no socket is inherited
        for listener in listeners:
            listener.close()
        sys.exit(serve_as_child(environ))
    for listener in listeners:
        os.set_inheritable(listener.fileno(), True)
    sockets = [FD[config.server].format(fd=listener.fileno()) for listener in listeners]
    arguments = [sys.executable, "-m", LAUNCHER, *SERVERS[config.server], *sockets]
    if config.require_approval and is_interactive():
        serve_and_prompt(config, arguments, environ | left, [listener.fileno() for listener in listeners])
    # A reload that comes now waits until the server handles it; before that it would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    os.execve(sys.executable, arguments, environ | left)


def serve_and_prompt(
    config: Config, arguments: list[str], environ: dict[str, str], files: list[int]
) -> NoReturn:
    """Run the server as a child and ask about each request at this terminal; end when the server ends."""
    from copilot_bridge.cli.approvals import prompt_for_each

    server = subprocess.Popen(arguments, env=environ, pass_fds=files, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=lambda: os._exit(server.wait()), daemon=True).start()
    with suppress(KeyboardInterrupt, click.exceptions.Abort):
        prompt_for_each(store_of(config).approvals, lambda: server.poll() is None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal has sent it to the server as well
    sys.exit(server.wait())


def serve_as_child(environ: dict[str, str]) -> int:
    """Run the server as a child that ends with this process: the other end of its stdin is here."""
    command = [sys.executable, "-m", LAUNCHER, *SERVERS["gevent"]]
    with subprocess.Popen(command, env=environ | {EXIT_WITH_STDIN: "1"}, stdin=subprocess.PIPE) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:  # the terminal has sent it to the server as well
            return server.wait()


LAUNCHER = "copilot_bridge.serving.launch"

SERVERS = {
    "gunicorn": (
        "copilot_bridge.serving.master",
        "--config=python:copilot_bridge.serving.gunicorn_settings",
        "copilot_bridge.app:create_app()",
    ),
    "gevent": ("copilot_bridge.serving.gevent_server",),
}

# The argument that passes a listening socket to each server.
FD = {"gunicorn": "--bind=fd://{fd}", "gevent": "{fd}"}
