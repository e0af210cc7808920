"""`copilot-bridge share-token`: lend a plan to a friend without giving the GitHub token away."""

import secrets

import click

from copilot_bridge.cli.keys import print_keys, revoke_key
from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.config import Config
from copilot_bridge.exchange.keys import make_key
from copilot_bridge.exchange.storage import store_of
from copilot_bridge.store.keys import SHARE


@click.group("share-token")
def command() -> None:
    """Create, list and revoke share tokens."""


@command.command()
@click.argument("name", default="")
@click.option("--account", required=True, metavar="LOGIN", help="GitHub login to use.")
@click.option(
    "--models", default="", metavar="PATTERNS", help="Models it may use: 'claude-*,gpt-4.1'.  [all]"
)
@click.option("--rate", default="", metavar="RATE", help="Rate limit: 30/minute.  [no limit]")
@click.option("--expires", default="", metavar="SPAN", help="Lifetime: 30d, 12h.  [for ever]")
@takes_settings(*CONNECTION, *LOGGING)
def new(config: Config, name: str, account: str, models: str, rate: str, expires: str) -> None:
    """Create a share token; it is shown this once."""
    name = name or f"{account}-{secrets.token_hex(3)}"
    click.echo(make_key(store_of(config), name, SHARE, account, models, rate, expires))
    click.echo(f"It is called {name}.  Keep it: it is not shown again.", err=True)


@command.command("list")
@takes_settings(*CONNECTION, *LOGGING)
def list_shares(config: Config) -> None:
    """List the share tokens."""
    print_keys(store_of(config), SHARE, "No share token is stored.")


@command.command()
@click.argument("name")
@takes_settings(*CONNECTION, *LOGGING)
def revoke(config: Config, name: str) -> None:
    """Revoke the share token NAME."""
    revoke_key(store_of(config), name, SHARE)
