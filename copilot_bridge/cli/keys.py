"""`copilot-bridge keys`: creates, lists and revokes API keys."""

import time
from datetime import UTC, datetime

import click

from copilot_bridge.access.authentication import Authenticator
from copilot_bridge.admin.keys import check_lasting, make_key
from copilot_bridge.billing.budgets import KEY as KEY_SCOPE
from copilot_bridge.cli.completion import complete_keys, complete_logins, complete_models
from copilot_bridge.cli.options import LOGGING, STORE, json_option, takes_settings
from copilot_bridge.cli.terminal.console import is_interactive, print_json, print_table
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store import Store
from copilot_bridge.store.keys import KEY, Key


@click.group(
    "keys",
    cls=Group,
    examples=(
        "keys add laptop",
        "keys add friend --models 'claude-*' --rate 30/minute",
        "keys add friend --budget 500/month",
        "keys list --json",
    ),
)
def command() -> None:
    """Create, list and revoke API keys."""


@command.command()
@click.argument("name")
@click.option(
    "--account",
    default="",
    metavar="LOGIN",
    shell_complete=complete_logins,
    help="GitHub login to use.  [default: the default login]",
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
@click.option("--no-web", is_flag=True, help="Search the web and read pages for none of its requests.")
@click.option("--operator", is_flag=True, help="Give it the operator's rights: pages, token, approvals.")
@takes_settings(*STORE, *LOGGING)
def add(
    config: Config,
    name: str,
    account: str,
    models: str,
    rate: str,
    budget: str,
    expires: str,
    no_web: bool,
    operator: bool,
) -> None:
    """Create a key, which is shown only once."""
    store = store_of(config)
    click.echo(make_key(store, name, KEY, account, models, rate, expires, operator, budget, not no_web))
    click.echo("Keep it: it is not shown again, and only a hash of it is stored.", err=True)


@command.command("list")
@json_option
@takes_settings(*STORE, *LOGGING)
def list_keys(config: Config, as_json: bool) -> None:
    """List the keys and their rights."""
    store = store_of(config)
    _ = Authenticator(config, store.keys, store.changes).requires_key  # warns of keys that were lost
    print_keys(store, KEY, "No key is stored.  `copilot-bridge keys add NAME` makes one.", as_json=as_json)


def print_keys(store: Store, kind: str, none: str, *, as_json: bool) -> None:
    keys = [key for key in store.keys.all() if key.kind == kind]
    if as_json:
        print_json([as_fields(key, budgets_of(store, key)) for key in keys])
    elif keys:
        print_table(COLUMNS, [as_row(key, budgets_of(store, key)) for key in keys])
    else:
        click.echo(none)


COLUMNS = ("NAME", "ACCOUNT", "MODELS", "RATE", "MADE", "EXPIRES", "BUDGET", "")


def budgets_of(store: Store, key: Key) -> list[str]:
    """The budgets of a key's own, in words."""
    return [
        str(budget.limit)
        for budget in store.budgets.all()
        if (budget.scope, budget.subject) == (KEY_SCOPE, key.id)
    ]


def as_row(key: Key, budgets: list[str]) -> tuple[str, ...]:
    return (
        key.name,
        key.account or "(default)",
        ", ".join(key.models) or "all",
        key.rate or "-",
        day(key.created),
        ("expired " if is_expired(key) else "") + day(key.expires) if key.expires else "never",
        ", ".join(budgets) or "-",
        ", ".join(word for word, holds in (("operator", key.operator), ("no web", not key.web)) if holds),
    )


def as_fields(key: Key, budgets: list[str]) -> dict[str, object]:
    """The key as JSON; times are in Unix seconds, None: it does not expire."""
    return {
        "name": key.name,
        "account": key.account or None,
        "models": list(key.models),
        "rate": key.rate or None,
        "budgets": budgets,
        "created": key.created,
        "expires": key.expires or None,
        "expired": is_expired(key),
        "operator": key.operator,
        "web": key.web,
    }


def is_expired(key: Key) -> bool:
    return 0 < key.expires <= time.time()


def day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


@command.command()
@click.argument("name", shell_complete=complete_keys)
@takes_settings(*STORE, *LOGGING)
def revoke(config: Config, name: str) -> None:
    """Revoke the key NAME."""
    revoke_key(store_of(config), name, KEY)


def revoke_key(store: Store, name: str, kind: str) -> None:
    if not store.keys.revoke(name, kind):
        raise ConfigError(f"there is no {kind} named {name!r}")
    click.echo(f"Revoked {name}.")


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@takes_settings(*STORE, *LOGGING)
def clear(config: Config, yes: bool) -> None:
    """Revoke all keys and share tokens, so that none is needed any more.

    Needed as well if the store was lost or replaced: until then requests without a key are rejected.
    """
    store = store_of(config)
    check_lasting(store)
    if not yes and not is_interactive():
        raise ConfigError("anybody who reaches the bridge could use it then: confirm with --yes")
    if not yes:
        click.confirm("Revoke all keys, so that anybody who reaches the bridge can use it?", abort=True)
    gone = store.keys.clear()
    click.echo(f"Revoked {gone}.  No key is needed now, except those in the settings.")


@command.command()
@click.argument("name", shell_complete=complete_keys)
@takes_settings(*STORE, *LOGGING)
def rotate(config: Config, name: str) -> None:
    """Replace the key NAME with a new one that has the same rights."""
    secret = store_of(config).keys.rotate(name, KEY)
    if secret is None:
        raise ConfigError(f"there is no key named {name!r}")
    click.echo(secret)
    click.echo("Keep it: it is not shown again.  The old one is refused from now on.", err=True)
