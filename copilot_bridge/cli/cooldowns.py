"""`copilot-bridge rest`: what is left alone because Copilot has said so, and how to end it."""

import time
from datetime import datetime

import click

from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, print_wrapped
from copilot_bridge.config import Config
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.exchange import Bridge
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.waits import in_short

ALL = "all"


@click.command("rest")
@click.option(
    "--clear",
    metavar="[MODEL|PATH]",
    is_flag=False,
    flag_value=ALL,
    help="End the pause of a model or of a path like /embeddings; without a name, all pauses.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@takes_settings(*CONNECTION, *LOGGING)
def command(config: Config, clear: str | None, as_json: bool) -> None:
    """List what is paused because Copilot refused it.

    A model, a path or the account; since when and until when.  A running bridge sends nothing there until
    then; it notices at once when a pause is ended here.
    """
    cooldowns = Bridge(config).rate_limiter.cooldowns
    if clear is not None:
        ended = cooldowns.clear("" if clear == ALL else clear)
        if not ended and clear != ALL:
            raise InvalidRequest(f"{clear!r} is not paused: see `copilot-bridge rest`")
        print_wrapped(f"No longer paused: {', '.join(each.what for each in ended) or '-'}")
    elif as_json:
        print_json(cooldowns.report())
    elif known := cooldowns.all():
        print_table(
            ("WHAT", "TIME LEFT", "UNTIL", "SINCE", "AS COPILOT SAID"), map(row, known), optional=("SINCE",)
        )
    else:
        click.echo("Nothing is paused.")


def row(cooldown: Cooldown) -> tuple[str, ...]:
    left = in_short(cooldown.until - time.time())
    return cooldown.what, left, local(cooldown.until), local(cooldown.since), cooldown.message


def local(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
