"""`copilot-bridge auth`: log in to GitHub, and see or remove what is stored."""

from datetime import UTC, datetime

import click

from copilot_bridge.cli.login import log_in, masked_token
from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.terminal.console import print_table, print_wrapped
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError, LoginRequired
from copilot_bridge.exchange import Bridge
from copilot_bridge.exchange.accounts import forget_account, use_account


@click.group("auth", invoke_without_command=True)
@takes_settings(*CONNECTION, *LOGGING)
@click.pass_context
def command(context: click.Context, config: Config) -> None:
    """Log in to GitHub, and manage the stored logins.

    Without a command: log in.
    """
    if context.invoked_subcommand is None:
        log_in_and_tell(config)


@command.command()
@takes_settings(*CONNECTION, *LOGGING)
def login(config: Config) -> None:
    """Log in with a code that you enter at GitHub (the default)."""
    log_in_and_tell(config)


def log_in_and_tell(config: Config) -> None:
    bridge = Bridge(config)
    if not bridge.store.database.persistent:
        raise ConfigError("there is no store to keep the login in: leave --no-persist out")
    log_in(bridge)
    if config.show_token:
        click.echo(f"GitHub token: {masked_token(bridge.account().github_token, True)}")


@command.command("list")
@takes_settings(*CONNECTION, *LOGGING)
def list_logins(config: Config) -> None:
    """List the stored logins; the one in use has a star."""
    bridge = Bridge(config)
    used = bridge.logins.used(bridge.hosts.api)
    rows = [
        (
            "*" if login == used else "",
            login.user,
            login.host,
            masked_token(login.token, config.show_token),
            datetime.fromtimestamp(login.added, UTC).strftime("%Y-%m-%d"),
        )
        for login in bridge.logins.all()
    ]
    if not rows:
        click.echo("No login is stored.  `copilot-bridge auth` logs in.")
        return
    print_table(("", "USER", "HOST", "TOKEN", "SINCE"), rows, optional=("SINCE",))


@command.command()
@click.argument("user")
@takes_settings(*CONNECTION, *LOGGING)
def use(config: Config, user: str) -> None:
    """Make the login of USER the default one."""
    bridge = Bridge(config)
    if not use_account(bridge, user):
        raise LoginRequired(f"no login of {user!r} is stored: see `copilot-bridge auth list`")
    click.echo(f"{user} is the default login now.")


@command.command()
@click.argument("user")
@takes_settings(*CONNECTION, *LOGGING)
def remove(config: Config, user: str) -> None:
    """Forget the login of USER on this machine."""
    bridge = Bridge(config)
    if not forget_account(bridge, user):
        raise LoginRequired(f"no login of {user!r} is stored: see `copilot-bridge auth list`")
    print_wrapped(f"Forgot the login of {user}.  To revoke it: https://github.com/settings/applications")


@command.command()
@takes_settings(*CONNECTION, *LOGGING)
def token(config: Config) -> None:
    """Print the GitHub token in use, in full, and nothing else."""
    click.echo(Bridge(config).account().github_token.reveal())
