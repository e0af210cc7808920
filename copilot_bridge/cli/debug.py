"""`copilot-bridge debug`: the options; the report is imported when it runs, so that `--help` is quick."""

import click

from copilot_bridge.cli.options import (
    ACCESS,
    CONNECTION,
    JOURNAL,
    LOGGING,
    PACE,
    SERVING,
    TOKENS,
    json_option,
    takes_settings,
)
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config


@click.command("debug", cls=Command)
@json_option
@takes_settings(*SERVING, *ACCESS, *PACE, *JOURNAL, *CONNECTION, *LOGGING, *TOKENS)
def command(config: Config, as_json: bool) -> None:
    """Print what a bug report needs, without secrets.

    Versions, paths, settings and their sources, the login, which hosts can be reached, and the limits
    learned from Copilot's refusals.
    """
    from copilot_bridge.cli.debug_report import report_state

    report_state(config, as_json=as_json)
