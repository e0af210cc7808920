"""`copilot-bridge store`: checks the store, backs it up and restores it."""

from pathlib import Path

import click

from copilot_bridge.cli.options import LOGGING, STORE, takes_settings
from copilot_bridge.cli.terminal.console import print_wrapped
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, ConfigError
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store import Store
from copilot_bridge.store.backup import count_rows, summary

# (table, name of one row, name of several)
SHOWN = (
    ("logins", "login", "logins"),
    ("keys", "key", "keys"),
    ("requests", "request in the log", "requests in the log"),
    ("links", "stored response", "stored responses"),
)


@click.group("store", cls=Group, examples=("store check", "store backup ~/bridge-backup.db"))
def command() -> None:
    """Check, back up and restore the store."""


@command.command()
@takes_settings(*STORE, *LOGGING)
def check(config: Config) -> None:
    """Read all of the store, write a little, and test its key.  Exit code 1 if something is wrong."""
    store = opened(config)
    click.echo(f"store: {store.database.location}")
    if problem := store.database.check():
        raise BridgeError(problem)
    print_wrapped(counted(store.database.read(count_rows)), "holds: ")
    unreadable = store.undecryptable_logins()
    if unreadable:
        raise ConfigError(
            f"the store's key ({store.encryptor.location}) is not the one that these logins are "
            f"encrypted with: {', '.join(unreadable)}.  "
            "Put that key there, or log in again with `copilot-bridge auth`"
        )
    click.echo(f"key: {store.encryptor.location}")
    click.echo("The store has no problems.")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@takes_settings(*STORE, *LOGGING)
def backup(config: Config, file: Path) -> None:
    """Copy the whole store to a new FILE, also while the bridge runs.

    The copy can be restored into SQLite and into PostgreSQL.  It does not contain the key that encrypts its
    secrets: keep that, too, or log in again after a restore.
    """
    store = opened(config)
    counts = store.back_up(file)
    print_wrapped(f"{file}: {counted(counts)}")
    print_wrapped(
        f"Only the key of this store can decrypt its logins ({store.encryptor.location}).", err=True
    )


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@takes_settings(*STORE, *LOGGING)
def restore(config: Config, file: Path, yes: bool) -> None:
    """Replace the whole store by the backup FILE.

    A running bridge notices it at once.  Keys that were revoked since the backup are valid again: check
    `copilot-bridge keys list` afterwards.
    """
    store = opened(config)
    print_wrapped(f"{file} holds {counted(summary(file))}.", err=True)
    content = counted(store.database.read(count_rows))
    if not yes and not click.confirm(
        f"Replace the content of {store.database.location} ({content})?", err=True
    ):
        raise BridgeError("nothing was changed")
    print_wrapped(f"restored: {counted(store.restore(file))}")
    if unreadable := store.undecryptable_logins():
        print_wrapped(
            f"The logins {', '.join(unreadable)} are encrypted with another key than "
            f"{store.encryptor.location}: "
            "put the key of that time there, or log in again with `copilot-bridge auth`.",
            err=True,
        )


def opened(config: Config) -> Store:
    """The store of these settings.  Raises ConfigError: there is none."""
    store = store_of(config)
    if not store.database.persistent:
        raise ConfigError("with --no-persist there is no store")
    return store


def counted(counts: dict[str, int]) -> str:
    named = [(counts.get(table, 0), one, several) for table, one, several in SHOWN]
    return ", ".join(f"{number:,} {one if number == 1 else several}" for number, one, several in named)
