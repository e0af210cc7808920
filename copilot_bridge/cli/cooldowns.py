"""`copilot-bridge cooldowns`: lists the models and paths that are paused after a refusal, and ends pauses."""

import time
from datetime import datetime

import click

from copilot_bridge.access.cooldowns import Cooldowns
from copilot_bridge.cli.options import LOGGING, STORE, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, print_wrapped
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.waits import format_duration

ALL = "all"
COLUMNS = ("WHAT", "TIME LEFT", "UNTIL", "SINCE", "REASON")


@click.command(
    "cooldowns", cls=Command, examples=("cooldowns", "cooldowns --clear", "cooldowns --clear gpt-4.1")
)
@click.option(
    "--clear",
    metavar="[MODEL|PATH]",
    is_flag=False,
    flag_value=ALL,
    help="End the pause of a model or of a path like /embeddings; without a name, all pauses.",
)
@json_option
@takes_settings(*STORE, *LOGGING)
def command(config: Config, clear: str | None, as_json: bool) -> None:
    """List the models and paths that are paused after a refusal.

    After a 429, Copilot wants a model, a path or the whole account left alone for some time.  A running
    bridge sends no requests there until the pause ends; it notices at once if you end it here.
    """
    store = store_of(config)
    cooldowns = Cooldowns(config, store.cooldowns, store.changes)
    if clear is not None:
        ended = end_pauses(cooldowns, clear)
        print_wrapped(f"No longer paused: {', '.join(cooldown.what for cooldown in ended) or '-'}")
    elif as_json:
        print_json(cooldowns.report())
    elif known := cooldowns.all():
        print_table(COLUMNS, map(row, known), optional=("SINCE",))
    else:
        click.echo("Nothing is paused.")


def end_pauses(cooldowns: Cooldowns, name: str) -> list[Cooldown]:
    """End the pauses of this name, and return them.  Raises InvalidRequest: there are none."""
    ended = cooldowns.clear("" if name == ALL else name)
    if not ended and name != ALL:
        raise InvalidRequest(f"{name!r} is not paused: see `copilot-bridge cooldowns`")
    return ended


def row(cooldown: Cooldown) -> tuple[str, ...]:
    left = format_duration(cooldown.until - time.time())
    return cooldown.what, left, local(cooldown.until), local(cooldown.since), cooldown.message


def local(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
