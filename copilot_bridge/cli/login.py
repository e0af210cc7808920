"""The login to GitHub, at a terminal."""

import os
import time
from pathlib import Path

import click

from copilot_bridge.admin.accounts import add_account
from copilot_bridge.cli.terminal.browser import open_in_browser
from copilot_bridge.cli.terminal.clipboard import copy_to_clipboard
from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped, spinner
from copilot_bridge.config import Config
from copilot_bridge.errors import LoginRequired
from copilot_bridge.pipeline import CopilotServices
from copilot_bridge.upstream.github.device_login import DeviceFlow, fetch_login
from copilot_bridge.upstream.github.editor_logins import EditorLogin, find_editor_logins


def log_in(bridge: CopilotServices, *, browser: bool = True) -> str:
    """Run GitHub's device flow, store the login, and return the user's name.  Raises BridgeError.

    :param browser: open the address and copy the code, where there is a desktop.
    """
    bridge.logins.check()  # that a login can be stored, before the user is asked for anything
    flow = DeviceFlow(bridge.client, bridge.headers, bridge.hosts)
    with spinner("Asking GitHub for a code"):
        code = flow.begin()
    desktop = browser and is_interactive()
    copied = desktop and copy_to_clipboard(code.user_code)
    opened = desktop and open_in_browser(code.verification_uri)
    minutes = max(1, round((code.expires_at - time.time()) / 60))
    click.echo(f"\n  Open    {code.verification_uri}{'   (opening in your browser)' if opened else ''}")
    click.echo(
        f"  Enter   {click.style(code.user_code, bold=True)}{'   (on the clipboard)' if copied else ''}"
    )
    click.echo(f"          (the code is valid for {minutes} minutes; Ctrl-C gives up)\n")
    with spinner("Waiting for you to enter the code at GitHub"):
        token = flow.wait(code)
        user = add_account(bridge, token)
    click.echo(f"Logged in as {user}.")
    return user


def warn_of_token(config: Config) -> None:
    if config.github_token:
        print_wrapped(
            f"{config.named('github_token')} is set, and is used instead of this login: unset it.", err=True
        )


def ensure_login(bridge: CopilotServices) -> str:
    """The user whose plan serves requests, after a login if there is none and somebody is at the terminal."""
    if bridge.config.github_token:
        with spinner("Checking the GitHub token"):
            return fetch_login(bridge.client, bridge.headers, bridge.hosts, bridge.config.github_token)
    if login := bridge.logins.in_use(bridge.hosts.api):
        try:
            with spinner("Checking the login"):
                return fetch_login(bridge.client, bridge.headers, bridge.hosts, login.token)
        except LoginRequired as error:
            if not is_interactive():
                raise
            print_wrapped(f"The login of {login.user} no longer works: {error}", err=True)
            return log_in(bridge)
    found = next(iter(find_editor_logins(bridge.hosts, os.environ, Path.home())), None)
    if found and (user := adopt(bridge, found)):
        return user
    if not is_interactive():
        raise LoginRequired(
            "there is no GitHub login: run `copilot-bridge auth`, or set COPILOT_BRIDGE_GITHUB_TOKEN"
        )
    return log_in(bridge)


def adopt(bridge: CopilotServices, found: EditorLogin) -> str | None:
    """Use the login that an editor has stored here; None if the user or GitHub refuses it."""
    name = found.login or "somebody"
    if is_interactive() and not click.confirm(f"Use the login of {name} in {found.path}?", default=True):
        return None
    try:
        user = fetch_login(bridge.client, bridge.headers, bridge.hosts, found.token)
    except LoginRequired:
        print_wrapped(f"GitHub does not accept the login in {found.path} any more.", err=True)
        return None
    bridge.logins.add(user, found.token, bridge.hosts.api)
    print_wrapped(f"Using the login of {user} in {found.path}.")
    return user
