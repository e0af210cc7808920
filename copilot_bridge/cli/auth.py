"""`copilot-bridge auth`: logs in to GitHub, lists the stored logins and removes them."""

from datetime import UTC, datetime

import click

from copilot_bridge.cli.completion import complete_logins
from copilot_bridge.cli.options import (
    CONNECTION,
    LOGGING,
    NETWORK,
    STORE,
    TOKENS,
    json_option,
    takes_settings,
)
from copilot_bridge.cli.terminal.console import masked_token, print_json, print_table, print_wrapped
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError, LoginRequired
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store.logins import Login
from copilot_bridge.upstream.hosts import Hosts

browser_option = click.option(
    "--browser/--no-browser",
    default=True,
    help="Open the browser and copy the code to the clipboard, where there is a desktop.",
)

LOGIN = (*STORE, "persist", "enterprise_url", *NETWORK)


@click.group(
    "auth",
    cls=Group,
    invoke_without_command=True,
    examples=("auth", "auth list", "auth use octocat", "auth --enterprise-url octo.ghe.com"),
)
@browser_option
@takes_settings(*LOGIN, *LOGGING, *TOKENS)
def command(config: Config, browser: bool) -> None:
    """Log in to GitHub, and manage the stored logins.

    Without a command: log in.
    """
    log_in_and_tell(config, browser=browser)


@command.command()
@browser_option
@takes_settings(*LOGIN, *LOGGING, *TOKENS)
def login(config: Config, browser: bool) -> None:
    """Log in with a code that you enter at GitHub (the default)."""
    log_in_and_tell(config, browser=browser)


def log_in_and_tell(config: Config, *, browser: bool) -> None:
    from copilot_bridge.cli.login import log_in, warn_of_token  # which need the network, unlike `list`
    from copilot_bridge.pipeline import Bridge

    bridge = Bridge(config)
    if not bridge.store.database.persistent:
        raise ConfigError("there is no store for the login: leave out --no-persist")
    log_in(bridge, browser=browser)
    warn_of_token(config)
    if config.show_token:
        click.echo(f"GitHub token: {bridge.account().github_token.reveal()}")


@command.command("list")
@json_option
@takes_settings(*STORE, "enterprise_url", *LOGGING, *TOKENS)
def list_logins(config: Config, as_json: bool) -> None:
    """List the stored logins; the one in use has a star."""
    logins = store_of(config).logins
    used = None if config.github_token else logins.in_use(Hosts.of(config).api)
    known = logins.all()
    if as_json:
        print_json([as_fields(login, config, in_use=login == used) for login in known])
    elif known:
        rows = [as_row(login, config, in_use=login == used) for login in known]
        print_table(("", "USER", "HOST", "TOKEN", "SINCE"), rows, optional=("SINCE",))
    else:
        click.echo("No login is stored.  `copilot-bridge auth` logs in.")
    if config.origin("github_token") != "default":
        print_wrapped(f"{config.named('github_token')} is set, and is used instead of a login.", err=True)


def as_row(login: Login, config: Config, *, in_use: bool) -> tuple[str, ...]:
    token = masked_token(login.token, config.show_token)
    return "*" if in_use else "", login.user, login.host, token, day(login.added)


def as_fields(login: Login, config: Config, *, in_use: bool) -> dict[str, object]:
    """The login as JSON; `since` is in Unix seconds."""
    token = masked_token(login.token, config.show_token)
    return {"user": login.user, "host": login.host, "token": token, "since": login.added, "in_use": in_use}


def day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


@command.command()
@click.argument("user", shell_complete=complete_logins)
@takes_settings(*STORE, "enterprise_url", *LOGGING)
def use(config: Config, user: str) -> None:
    """Make the login of USER the default one."""
    from copilot_bridge.admin.accounts import use_account
    from copilot_bridge.pipeline import Bridge

    bridge = Bridge(config)
    if not use_account(bridge, user):
        raise LoginRequired(f"no login of {user!r} is stored: see `copilot-bridge auth list`")
    click.echo(f"{user} is the default login now.")


@command.command()
@click.argument("user", shell_complete=complete_logins)
@takes_settings(*STORE, "enterprise_url", *LOGGING)
def remove(config: Config, user: str) -> None:
    """Forget the login of USER on this machine."""
    from copilot_bridge.admin.accounts import forget_account
    from copilot_bridge.pipeline import Bridge

    bridge = Bridge(config)
    if not forget_account(bridge, user):
        raise LoginRequired(f"no login of {user!r} is stored: see `copilot-bridge auth list`")
    print_wrapped(f"Removed the login of {user}.  To revoke it: https://github.com/settings/applications")


@command.command()
@takes_settings(*CONNECTION, *LOGGING)
def token(config: Config) -> None:
    """Print the GitHub token in use, in full, and nothing else."""
    from copilot_bridge.pipeline import Bridge

    click.echo(Bridge(config).account().github_token.reveal())
