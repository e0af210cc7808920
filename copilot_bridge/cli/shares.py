"""`copilot-bridge share-token`: manages share tokens, which lend a plan without the GitHub token."""

import secrets

import click

from copilot_bridge.admin.keys import make_key
from copilot_bridge.cli.completion import complete_logins, complete_models, complete_shares
from copilot_bridge.cli.keys import print_keys, revoke_key
from copilot_bridge.cli.options import LOGGING, STORE, json_option, takes_settings
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store.keys import SHARE


@click.group(
    "share-token",
    cls=Group,
    examples=("share-token new friend --account octocat --expires 30d", "share-token list"),
)
def command() -> None:
    """Create, list and revoke share tokens."""


@command.command()
@click.argument("name", default="")
@click.option(
    "--account", required=True, metavar="LOGIN", shell_complete=complete_logins, help="GitHub login to use."
)
@click.option(
    "--models",
    default="",
    metavar="PATTERNS",
    shell_complete=complete_models,
    help="Models it may use: 'claude-*,gpt-4.1'.  [default: all]",
)
@click.option("--rate", default="", metavar="RATE", help="Rate limit: 30/minute.  [default: no limit]")
@click.option(
    "--budget",
    default="",
    metavar="BUDGET",
    help="Budget: 500/month, or several: 500/month,20 usd/week.  [default: no limit]",
)
@click.option("--expires", default="", metavar="SPAN", help="Lifetime: 30d, 12h.  [default: no end]")
@takes_settings(*STORE, *LOGGING)
def new(config: Config, name: str, account: str, models: str, rate: str, budget: str, expires: str) -> None:
    """Create a share token, which is shown only once."""
    name = name or f"{account}-{secrets.token_hex(3)}"
    click.echo(make_key(store_of(config), name, SHARE, account, models, rate, expires, budget=budget))
    click.echo(f"Its name is {name}.  Keep the token: it is not shown again.", err=True)


@command.command("list")
@json_option
@takes_settings(*STORE, *LOGGING)
def list_shares(config: Config, as_json: bool) -> None:
    """List the share tokens."""
    print_keys(
        store_of(config),
        SHARE,
        "No share token is stored.  `copilot-bridge share-token new` makes one.",
        as_json=as_json,
    )


@command.command()
@click.argument("name", shell_complete=complete_shares)
@takes_settings(*STORE, *LOGGING)
def revoke(config: Config, name: str) -> None:
    """Revoke the share token NAME."""
    revoke_key(store_of(config), name, SHARE)
