"""Who is logged in, and the login itself, in words for a terminal."""

import os
import time
from pathlib import Path

import click

from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped, spinner
from copilot_bridge.errors import LoginRequired
from copilot_bridge.exchange import Bridge
from copilot_bridge.exchange.accounts import add_account
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.device_login import DeviceFlow, FoundLogin, found_elsewhere, whoami


def log_in(bridge: Bridge) -> str:
    """GitHub's device flow.  The user's name; the login is stored.  Raises BridgeError.

    Whether it can be is looked at before anybody is asked to do anything.
    """
    bridge.logins.check()
    flow = DeviceFlow(bridge.client, bridge.headers, bridge.hosts)
    with spinner("Asking GitHub for a code"):
        code = flow.begin()
    minutes = max(1, round((code.expires_at - time.time()) / 60))
    click.echo(f"\n  Open    {code.verification_uri}")
    click.echo(f"  Enter   {click.style(code.user_code, bold=True)}")
    click.echo(f"          (the code is valid for {minutes} minutes; Ctrl-C gives up)\n")
    with spinner("Waiting for you to enter the code at GitHub"):
        token = flow.wait(code)
        user = add_account(bridge, token)
    click.echo(f"Logged in as {user}.")
    return user


def who(bridge: Bridge) -> str:
    """The user that serves requests; logs in first if there is nobody and somebody can."""
    if bridge.config.github_token:
        with spinner("Checking the GitHub token"):
            return whoami(bridge.client, bridge.headers, bridge.hosts, bridge.config.github_token)
    if login := bridge.logins.used(bridge.hosts.api):
        try:
            with spinner("Checking the login"):
                return whoami(bridge.client, bridge.headers, bridge.hosts, login.token)
        except LoginRequired as error:
            if not is_interactive():
                raise
            print_wrapped(f"The login of {login.user} does not work any more: {error}", err=True)
            return log_in(bridge)
    found = next(iter(found_elsewhere(bridge.hosts, os.environ, Path.home())), None)
    if found and (user := adopt(bridge, found)):
        return user
    if not is_interactive():
        raise LoginRequired(
            "nobody is logged in to GitHub: run `copilot-bridge auth`, or set COPILOT_BRIDGE_GITHUB_TOKEN"
        )
    return log_in(bridge)


def adopt(bridge: Bridge, found: FoundLogin) -> str | None:
    """Use the login that an editor left here; None if the user would rather not, or GitHub."""
    name = found.login or "somebody"
    if is_interactive() and not click.confirm(f"Use the login of {name} in {found.path}?", default=True):
        return None
    try:
        user = whoami(bridge.client, bridge.headers, bridge.hosts, found.token)
    except LoginRequired:
        print_wrapped(f"GitHub does not accept the login in {found.path} any more.", err=True)
        return None
    bridge.logins.add(user, found.token, bridge.hosts.api)
    print_wrapped(f"Using the login of {user} in {found.path}.")
    return user


def masked_token(token: Secret, in_full: bool) -> str:
    return token.reveal() if in_full else token.masked()
