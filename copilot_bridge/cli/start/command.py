"""`copilot-bridge start`: look whether all is well, then hand over to the server."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

import click

from copilot_bridge.access.authentication import needs_key, weak_keys
from copilot_bridge.cli.approvals import prompt_for_each
from copilot_bridge.cli.options import ACCESS, CONNECTION, JOURNAL, LOGGING, PACE, SERVING, takes_settings
from copilot_bridge.cli.start.banner import Greeting, known_key, look
from copilot_bridge.cli.start.claude_code import tell
from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped
from copilot_bridge.config import Config
from copilot_bridge.errors import (
    BridgeError,
    ConfigError,
    InvalidRequest,
    LoginRequired,
    UpstreamTimeout,
)
from copilot_bridge.exchange import Bridge
from copilot_bridge.exchange.health_monitor import LOGIN_ERROR_KINDS
from copilot_bridge.exchange.keys import make_key
from copilot_bridge.logs.rotating_file import RotatingLogFile
from copilot_bridge.redaction import Secret
from copilot_bridge.serving.address import base_url, open_listeners
from copilot_bridge.serving.handover import EXIT_WITH_STDIN, Handover, StartCommand
from copilot_bridge.store.keys import KEY
from copilot_bridge.upstream.github.device_login import check_kind

WINDOWS = os.name == "nt"

START_PATIENCE = 10.0  # s

DEMO_ACCOUNT = "ghu_sim_demo"  # the simulator's ordinary one


@click.command("start")
@click.option("--simulate", is_flag=True, help="Use the built-in simulator: no login, no network.")
@click.option("--check", is_flag=True, help="Only check the settings and the program.")
@click.option(
    "-c", "--claude-code", is_flag=True, help="Print the command that starts Claude Code with this bridge."
)
@click.option("--model", metavar="MODEL", help="Model for Claude Code; without it, you are asked.")
@click.option("--small-model", metavar="MODEL", help="Model for Claude Code's small tasks.")
@takes_settings(*SERVING, *ACCESS, *PACE, *JOURNAL, *CONNECTION, *LOGGING)
def command(
    config: Config,
    simulate: bool,
    check: bool,
    claude_code: bool,
    model: str | None,
    small_model: str | None,
) -> None:
    """Start the server; log in to GitHub first if needed.

    Every setting can also be given in the environment or in a `.env` file; docs/settings.md lists them all.
    """
    if WINDOWS and config.server == "gunicorn":
        raise ConfigError("gunicorn does not run on Windows: leave --server out, or say --server gevent")
    check_settings(config, simulate, check)
    if check:
        from copilot_bridge.app import create_app  # Flask is the server's, which is another process

        create_app(config)
        click.echo("The settings are in order.")
        return
    inheritance = Handover.take_from(os.environ)
    started = StartCommand.of_this_process()
    listeners = [socket.socket(fileno=each) for each in inheritance.listeners] or listen(config)
    if simulate:
        config = start_simulator(config)
    bridge = Bridge(config)
    if not inheritance.workers:  # or a server takes the place of another, and has nothing to look for
        url = address(listeners[0])
        greeting = found(bridge, simulate, url)
        if claude_code and not greeting.trouble:
            tell(url, known_key(config, greeting.keyed), greeting.models, model, small_model)
        click.echo(greeting.text(url))
        sys.stdout.flush()
    if not config.persist:  # the server can't read in our memory who is logged in
        with suppress(LoginRequired):
            config = replace(config, github_token=bridge.account().github_token)
    hand_over(config, listeners, started.variables() | Handover(workers=inheritance.workers).variables())


def check_settings(config: Config, simulate: bool, check: bool) -> None:
    """Raises ConfigError: with these nobody can be served, now or later."""
    for each in config.passed_over:
        print_wrapped(f"copilot-bridge: {each}", err=True)
    if config.log_file:
        RotatingLogFile(config.log_file).close()
    bridge = Bridge(config)
    lock_door(bridge, check)  # before anybody could come in
    if not simulate:
        bridge.client.check()


def lock_door(bridge: Bridge, check: bool) -> None:
    """Raises ConfigError: others could use the plan without a key."""
    config = bridge.config
    required = bridge.authenticator.requires_key  # warns of keys that were lost
    if config.make_key and not check and needs_key(config) and not required:
        with suppress(InvalidRequest):  # another process has been quicker
            key = make_key(bridge.store, FIRST, KEY, operator=True)
            click.echo(FIRST_KEY.format(key=key, name=FIRST))
    bridge.require_keys_when_public()
    for text in weak_keys(config):
        print_wrapped(f"copilot-bridge: warning: {text}", err=True)


FIRST = "first"
FIRST_KEY = """\
An API key has been made, for you and for the pages.  It is shown this once:

    {key}

Lost?  `copilot-bridge keys rotate {name}` makes another one.
"""


def found(bridge: Bridge, simulated: bool, url: str) -> Greeting:
    """Who is logged in, and to what; or why nobody can be served yet, which is no reason not to serve.

    :raises BridgeError: somebody sits here and has to do something; or nothing can ever come of it.
    """
    check_token(bridge.config)
    try:
        return look(bridge, simulated) if simulated or is_interactive() else look_briefly(bridge)
    except BridgeError as error:
        if simulated or (is_interactive() and error.kind in LOGIN_ERROR_KINDS):
            raise
        print_wrapped(f"copilot-bridge: {error}; serving all the same, on {url}", err=True)
        return Greeting(bridge.config, bridge.authenticator.requires_key, trouble=error)


def check_token(config: Config) -> None:
    """Raises ConfigError: the settings name a GitHub token that Copilot never takes."""
    try:
        check_kind(config.github_token)
    except LoginRequired as error:
        raise ConfigError(f"{config.named('github_token')}: {error}") from error


def look_briefly(bridge: Bridge) -> Greeting:
    """A service is not kept waiting by a GitHub that does not answer; its server looks again."""
    looking: Future[Greeting] = Future()

    def run() -> None:
        try:
            looking.set_result(look(bridge, False))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            looking.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return looking.result(START_PATIENCE)
    except FutureTimeout:
        raise UpstreamTimeout(f"GitHub has not answered within {START_PATIENCE:.0f} s") from None


def listen(config: Config) -> list[socket.socket]:
    """Takes the port before anything else, so that a busy one is told at once and stays ours.

    :raises ConfigError: the port is taken, or the address is not this machine's.
    """
    try:
        return open_listeners(config.host, config.port)
    except OSError as error:
        number = error.errno or 0
        hint = (
            f"choose another with {config.named('port')}"
            if number in BUSY
            else f"look at {config.named('host')} and {config.named('port')}"
        )
        # Python adds the address in its own words, but for the system's own errors.
        reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (while")[0]
        raise ConfigError(f"can't listen on {config.host}:{config.port}: {reason}; {hint}") from error


BUSY = (48, 98, 10048)  # EADDRINUSE of macOS, Linux and Windows


def start_simulator(config: Config) -> Config:
    """Runs the simulator until this process, or the server that takes its place, is gone.

    It reads a pipe whose other end only we hold; the system closes that end when we die.
    """
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_bridge.simulator", "--exit-with-stdin"],
        stdin=reading,
        stdout=subprocess.PIPE,
        start_new_session=not WINDOWS,  # Ctrl-C is for us; running streams may still need it
    )
    os.close(reading)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BridgeError("the simulator did not start")
    url = json.loads(line)["url"]
    return replace(
        config,
        github_url=url,
        github_api_url=url,
        copilot_api_url=None,
        enterprise_url=None,
        account_type=None,
        github_token=Secret(DEMO_ACCOUNT),
        home=config.home / "simulator",
    )


def address(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    return base_url(name[0], name[1])


def hand_over(config: Config, listeners: list[socket.socket], left: dict[str, str]) -> None:
    """The server takes our place, a fresh process: it patches Python's sockets before it imports them."""
    ports = [each.getsockname()[1] for each in listeners if each.family != socket.AF_UNIX]
    environ = os.environ | replace(config, port=next(iter(ports), config.port)).environ()
    if WINDOWS:  # where no process takes another's place, and no socket is inherited
        for each in listeners:
            each.close()
        sys.exit(serve_below(environ))
    for each in listeners:
        os.set_inheritable(each.fileno(), True)
    sockets = [FD[config.server].format(fd=each.fileno()) for each in listeners]
    arguments = [sys.executable, "-m", LAUNCHER, *SERVERS[config.server], *sockets]
    if config.require_approval and is_interactive():
        ask_beside(config, arguments, environ | left, [each.fileno() for each in listeners])
    os.execve(sys.executable, arguments, environ | left)


def ask_beside(config: Config, arguments: list[str], environ: dict[str, str], files: list[int]) -> NoReturn:
    """The server runs below us, and we ask whoever sits at this terminal; we end when it ends."""
    server = subprocess.Popen(arguments, env=environ, pass_fds=files, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=lambda: os._exit(server.wait()), daemon=True).start()
    with suppress(KeyboardInterrupt, click.exceptions.Abort):
        prompt_for_each(Bridge(config), lambda: server.poll() is None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal has told the server as well
    sys.exit(server.wait())


def serve_below(environ: dict[str, str]) -> int:
    """The exit code of a server that ends with us, however we end: by a pipe whose other end is ours."""
    command = [sys.executable, "-m", LAUNCHER, *SERVERS["gevent"]]
    with subprocess.Popen(command, env=environ | {EXIT_WITH_STDIN: "1"}, stdin=subprocess.PIPE) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:  # the terminal has told the server as well
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

# How each is told of a socket that listens already.
FD = {"gunicorn": "--bind=fd://{fd}", "gevent": "{fd}"}
