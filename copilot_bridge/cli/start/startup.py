"""Starts the bridge: checks the settings and the login, then executes the server."""

import os
import socket
import sys
from contextlib import suppress
from dataclasses import replace

import click

from copilot_bridge.access.authentication import needs_key, weak_keys
from copilot_bridge.cli.hints import stored_users
from copilot_bridge.cli.start.banner import StartupBanner, api_key_hint, preflight
from copilot_bridge.cli.start.server import exec_server
from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.config import Config
from copilot_bridge.errors import (
    LOGIN_ERROR_KINDS,
    BridgeError,
    ConfigError,
    InvalidRequest,
    LoginRequired,
)
from copilot_bridge.logs.setup import file_handler
from copilot_bridge.pipeline import CopilotServices
from copilot_bridge.serving.address import PortError, base_url, listeners_of, open_all_listeners
from copilot_bridge.serving.handover import Handover, StartCommand
from copilot_bridge.store.keys import KEY
from copilot_bridge.upstream.github.device_login import check_token_kind

WINDOWS = os.name == "nt"

START_TIMEOUT = 10.0  # seconds


def start(
    config: Config,
    *,
    simulate: bool,
    check: bool,
    claude_code: bool,
    model: str | None,
    small_model: str | None,
) -> None:
    """Check the settings, log in if needed, print the banner and execute the server."""
    if WINDOWS and config.server == "gunicorn":
        raise ConfigError("gunicorn does not run on Windows: leave out --server, or use --server gevent")
    if simulate:
        from copilot_bridge.cli.demo import demo_store

        config = demo_store(config)
    bridge = check_settings(config, simulate, check)
    if check:
        report_settings(config)
        return
    inheritance = Handover.take_from(os.environ)
    started = StartCommand.of_this_process()
    listeners = inherit_or_listen(config, inheritance)
    if simulate:
        config = simulated(config)
        bridge = CopilotServices(config)
    if not inheritance.workers:  # a reloaded server has done this already
        url = listen_url(listeners[0])
        banner = preflight_or_continue(bridge, simulate, url)
        if claude_code and not banner.trouble:
            print_claude_code(config, banner, url, model, small_model)
        click.echo(banner.text(url))
        sys.stdout.flush()
    config = with_login(config, bridge)
    exec_server(config, listeners, started.variables() | Handover(workers=inheritance.workers).variables())


def report_settings(config: Config) -> None:
    """Say that the settings are in order.  Raises ConfigError: the application can't be made of them."""
    from copilot_bridge.app import create_app  # Flask is the server's, which is another process

    create_app(config)
    click.echo("The settings are in order.")


def simulated(config: Config) -> Config:
    """Start the simulator, and return the settings that lead to it."""
    from copilot_bridge.cli.demo import announce_simulator, demo_upstream, start_simulator

    simulator = start_simulator()
    announce_simulator(config.home, simulator)
    return demo_upstream(config, simulator)


def with_login(config: Config, bridge: CopilotServices) -> Config:
    """Return the settings for the server, another process: it can't read a login that is not stored."""
    if config.persist:
        return config
    with suppress(LoginRequired):
        return replace(config, github_token=bridge.account().github_token)
    return config


def print_claude_code(
    config: Config, banner: StartupBanner, url: str, model: str | None, small_model: str | None
) -> None:
    """Print the command that starts Claude Code with this bridge."""
    from copilot_bridge.cli.start.claude_code import print_command

    print_command(url, api_key_hint(config, banner.keyed), banner.models, model, small_model)


def check_settings(config: Config, simulate: bool, check: bool) -> CopilotServices:
    """Check that the settings allow serving at all, and return their bridge.  Raises ConfigError."""
    for reason in config.ignored:
        print_wrapped(f"copilot-bridge: {reason}", err=True)
    if config.log_file:
        file_handler(config.log_file).close()
    bridge = CopilotServices(config)
    require_key(bridge, check)  # before the port is open
    if not simulate:
        bridge.client.check()
    return bridge


def require_key(bridge: CopilotServices, check: bool) -> None:
    """Make the first key if --make-key says so.

    :raises ConfigError: others could use the plan without a key.
    """
    config = bridge.config
    required = bridge.authenticator.requires_key  # warns of keys that were lost
    if config.make_key and not check and needs_key(config) and not required:
        from copilot_bridge.admin.keys import make_key  # few starts make a key

        with suppress(InvalidRequest):  # another process has been quicker
            key = make_key(bridge.store, FIRST, KEY, operator=True)
            click.echo(FIRST_KEY.format(key=key, name=FIRST))
    bridge.require_keys_when_public()
    for text in weak_keys(config):
        print_wrapped(f"copilot-bridge: warning: {text}", err=True)


FIRST = "first"
FIRST_KEY = """\
Created an API key, for you and for the pages.  It is shown only once:

    {key}

Lost?  `copilot-bridge keys rotate {name}` makes another one.
"""


def preflight_or_continue(bridge: CopilotServices, simulated: bool, url: str) -> StartupBanner:
    """The banner with the account, or with the problem, which does not keep the server from starting.

    :raises BridgeError: a person at this terminal has to act first, or serving can never work.
    """
    check_token(bridge.config)
    try:
        return (
            preflight(bridge, simulated) if simulated or is_interactive() else preflight_with_timeout(bridge)
        )
    except BridgeError as error:
        if simulated or (is_interactive() and error.kind in LOGIN_ERROR_KINDS):
            raise
        print_wrapped(f"copilot-bridge: {error}; serving anyway, on {url}", err=True)
        return StartupBanner(bridge.config, bridge.authenticator.requires_key, trouble=error)


def check_token(config: Config) -> None:
    """Check the kind of the GitHub token.  Raises ConfigError: Copilot never accepts this kind."""
    try:
        check_token_kind(config.github_token)
    except LoginRequired as error:
        users = stored_users(config)
        unused = f"; without it, the stored login {users[-1]} would be used" if users else ""
        raise ConfigError(f"{config.named('github_token')}: {error}{unused}") from error


def preflight_with_timeout(bridge: CopilotServices) -> StartupBanner:
    """Run the preflight within START_TIMEOUT: a service is not kept waiting; its server tries again later."""
    return call_with_timeout(lambda: preflight(bridge, False), START_TIMEOUT)


def inherit_or_listen(config: Config, inheritance: Handover) -> list[socket.socket]:
    inherited = [socket.socket(fileno=descriptor) for descriptor in inheritance.listeners]
    return listen_besides(config, inherited) if inherited else listen(config)


def listen(config: Config) -> list[socket.socket]:
    """Listen before anything else, so that a busy port is reported at once, and a free one is kept.

    :raises ConfigError: a port is taken, or the address is not this machine's.
    """
    try:
        return open_all_listeners(config.host, config.port, config.ollama_port)
    except PortError as error:
        raise can_not_listen(config, error) from error


def listen_besides(config: Config, inherited: list[socket.socket]) -> list[socket.socket]:
    """Return the sockets that were inherited, and those of the second port if it is not among them.

    :raises ConfigError: the port is taken.
    """
    ports = [listener.getsockname()[1] for listener in inherited if listener.family != socket.AF_UNIX]
    if not config.ollama_port or config.ollama_port in ports:
        return inherited
    try:
        return [*inherited, *listeners_of(config.host, config.ollama_port)]
    except PortError as error:
        raise can_not_listen(config, error) from error


def can_not_listen(config: Config, error: PortError) -> ConfigError:
    number = error.errno or 0
    second = error.port == config.ollama_port != 0
    setting = config.named("ollama_port" if second else "port")
    hint = f"look at {config.named('host')} and {setting}"
    if number in BUSY:
        hint = f"choose another with {setting}{', or stop Ollama' if second else ''}"
    # Python adds the address in its own words, but for the system's own errors.
    reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (while")[0]
    return ConfigError(f"can't listen on {config.host}:{error.port}: {reason}; {hint}")


BUSY = (48, 98, 10048)  # EADDRINUSE of macOS, Linux and Windows


def listen_url(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    return base_url(name[0], name[1])
